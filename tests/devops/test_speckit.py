"""The Spec Kit validator, on trees in memory and on checkouts on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops import speckit
from devops.speckit import Bundle, bundles
from devops.trees import MAX_BYTES, Checkout, Stored

FILLER = "".join(f"Line {number} says something.\n" for number in range(12))
GOOD = {f"spec/portal/{name}.md": f"# {name}\n{FILLER}" for name in ("constitution", "prd", "plan", "tasks")}
KIT = {
    ".specify/memory/constitution.md": "# Constitution\nTests first.\n",
    "specs/001-login/spec.md": "# Login\n- **FR-001**: Log in.\n- **FR-002**: Log out.\n- **SC-001**: In ten seconds.\n",
    "specs/001-login/plan.md": "# Plan\nOne page.\n",
    "specs/001-login/tasks.md": "# Tasks\n- [X] T001 Make the page for FR-001 in src/login.py\n- [ ] T002 [P] Style it\n",
    "src/login.py": "",
}


class Memory:
    """A tree whose files are in a dict."""

    def __init__(self, files: dict[str, str | bytes]) -> None:
        self.files = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}

    def names(self, folder: str) -> Iterable[str]:
        return sorted({path[len(folder) + 1 :].split("/")[0] for path in self.files if path.startswith(f"{folder}/")})

    def is_folder(self, path: str) -> bool:
        return any(file.startswith(f"{path}/") for file in self.files)

    def exists(self, path: str) -> bool:
        return path in self.files or self.is_folder(path.rstrip("/"))

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path][: MAX_BYTES + 1]


def judged(files: dict[str, str | bytes]) -> Bundle:
    (bundle,) = bundles(Memory(files))
    return bundle


def rules(bundle: Bundle) -> list[tuple[str, str, int | None]]:
    return [(problem.rule, problem.severity, problem.line) for problem in bundle.problems]


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_a_filled_in_bundle_complies() -> None:
    assert judged(dict(GOOD)).compliant(strict=True)


def test_a_spec_kit_feature_complies_and_is_counted() -> None:
    bundle = judged(dict(KIT))
    assert bundle.problems == []
    assert (bundle.layout, bundle.tasks_done, bundle.tasks_total) == ("spec-kit", 1, 2)
    assert (bundle.requirements, bundle.requirements_with_task) == (("FR-001", "FR-002"), ("FR-001",))


@pytest.mark.parametrize("name", ["constitution", "prd", "plan", "tasks"])
def test_each_document_is_needed(name: str) -> None:
    bundle = judged({path: text for path, text in GOOD.items() if f"/{name}." not in path})
    assert rules(bundle) == [("missing", "error", None)]


def test_names_are_case_sensitive() -> None:
    files = dict(GOOD)
    files["spec/portal/PRD.MD"] = files.pop("spec/portal/prd.md")
    assert rules(judged(files)) == [("missing", "error", None)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        (" \n\t\r\n\n", "empty"),
        ("[FEATURE NAME]", "placeholder"),
        ("FILLER[FEATURE]", "placeholder"),
        ("FILLER`[NEEDS CLARIFICATION: when?]`", "placeholder"),
        ("# PRD\n\nTODO\n", "placeholder"),
        ("# PRD\r\n\r\n tbd. \r\n", "placeholder"),
    ],
)
def test_a_document_without_content_fails(text: str, rule: str) -> None:
    bundle = judged(GOOD | {"spec/portal/prd.md": text.replace("FILLER", FILLER)})
    assert [found[:2] for found in rules(bundle) if found[1] == "error"] == [(rule, "error")]
    assert bundle.reasons() == [f"{rule}: spec/portal/prd.md"]
    assert not bundle.compliant()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a\n" * 9, "too-short"),
        (b"\xff\xfe\x00" + b"\na" * 10, "not-text"),
        ("a\0b\n" * 12, "not-text"),
        ("[US1] [FEA] [Title]\n" * 3 + "# [US12]", "too-short"),
        ("# TODO\nTODO and more", "too-short"),
    ],
)
def test_a_document_of_doubtful_worth_warns(text: str | bytes, rule: str) -> None:
    bundle = judged(GOOD | {"spec/portal/prd.md": text})
    assert (rule, "warning", None) in rules(bundle)
    assert bundle.compliant()
    assert not bundle.compliant(strict=True)
    assert bundle.reasons() == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_ten_lines_are_enough_whatever_ends_them_and_lines_are_counted_so(ending: str) -> None:
    bundle = judged(GOOD | {"spec/portal/prd.md": ending.join(["\ufeff# PRD", *("text" for _ in range(8)), "TODO more"])})
    assert rules(bundle) == [("leftover", "warning", 10)]


@pytest.mark.parametrize(
    "text", ["TODO", "todo: more", "TBD", "tbd", "A PLACEHOLDER", "Fill me in", "Lorem  ipsum dolor", "<!-- TODO -->"]
)
def test_a_leftover_warns_and_fails_when_strict(text: str) -> None:
    bundle = judged(GOOD | {"spec/portal/plan.md": FILLER + text})
    assert rules(bundle) == [("leftover", "warning", 13)]
    assert bundle.compliant(strict=False)
    assert not bundle.compliant(strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "a Todo application",
        "placeholder text of the field",
        "no `TODO` left",
        "``a ` TODO``",
        "```\nTODO\n```",
        "~~~\nTBD\n~~~",
        "TODOS",
    ],
)
def test_everyday_words_and_code_are_no_placeholders(text: str) -> None:
    assert judged(GOOD | {"spec/portal/plan.md": FILLER + text}).compliant(strict=True)


def test_a_backtick_that_opens_nothing_hides_nothing() -> None:
    assert rules(judged(GOOD | {"spec/portal/plan.md": FILLER + "a ` TODO `` b"})) == [("leftover", "warning", 13)]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("specs/001-login/spec.md", "# Login\nNothing.", [("no-ids", "warning", None), ("no-ids", "warning", None)]),
        ("specs/001-login/tasks.md", "# Tasks\n- [ ] no id", [("no-ids", "warning", None)]),
        ("specs/001-login/plan.md", "Storage: NEEDS CLARIFICATION", [("needs-clarification", "warning", 1)]),
        ("specs/001-login/plan.md", "# Plan: [FEATURE NAME]", [("placeholder", "error", 1)]),
        ("specs/001-login/plan.md", "See [US1] and [a link](README.md).", []),
        ("specs/001-login/plan.md", "# Plan\n\nTODO.", [("placeholder", "error", 3), ("leftover", "warning", 3)]),
    ],
)
def test_the_spec_kit_rules(file: str, text: str, expected: list[tuple[str, str, int | None]]) -> None:
    assert rules(judged(KIT | {file: text})) == expected


def test_a_repository_without_constitution_fails_every_feature() -> None:
    files = {path: text for path, text in KIT.items() if not path.startswith(".specify")}
    assert rules(judged(files)) == [("missing", "error", None)]


def test_a_ticked_task_must_have_made_what_it_names() -> None:
    ticked = "- [x] T001 Write `src/login.py:12`, src/gone.py.\n  and `docs/`, see https://host/a/b.py\n"
    text = ticked + "- [ ] T002 Write src/later.py\n```\n- [x] T003 Write a/b.py\n```\n"
    bundle = judged(KIT | {"specs/001-login/tasks.md": text})
    assert bundle.missing_paths == [
        {"task": "T001", "line": 1, "path": "src/gone.py"},
        {"task": "T001", "line": 1, "path": "docs/"},
    ]
    assert (bundle.tasks_done, bundle.tasks_total) == (1, 2)
    assert bundle.compliant(strict=False)
    assert not bundle.compliant(strict=True)


def test_other_folders_named_spec_are_no_bundles() -> None:
    assert bundles(Memory({"spec/models/user_spec.rb": "", "spec/README.md": "# Specs", "specs/.keep/a.md": ""})) == []


def test_a_folder_whose_only_document_is_deeper_is_a_bundle() -> None:
    bundle = judged({"specs/001-login/contracts/api.md": "# Contract"})
    assert bundle.reasons()[0] == "missing: specs/001-login/spec.md"
    assert len(bundle.reasons()) == 4


def test_a_link_out_of_the_checkout_is_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path / "checkout", {path: text for path, text in GOOD.items() if "prd" not in path})
    (tmp_path / "outside.md").write_text("# Outside\n" + FILLER)
    (root / "spec/portal/prd.md").symlink_to(tmp_path / "outside.md")
    write(tmp_path / "elsewhere", {"prd.md": FILLER})
    (root / "spec/linked").symlink_to(tmp_path / "elsewhere")
    (root / "spec/portal/tasks.md").write_text(FILLER + "- [x] T001 Wrote ../outside.md\n")
    found = {bundle.path: rules(bundle) for bundle in bundles(Checkout(root))}
    assert found["spec/linked"] == [("unreadable", "error", None)] * 4
    assert found["spec/portal"] == [("unreadable", "error", None), ("missing-path", "warning", 13)]


def test_pipes_loops_and_folders_are_not_read(tmp_path: Path) -> None:
    root = write(tmp_path, {"spec/portal/constitution.md": FILLER})
    os.mkfifo(root / "spec/portal/prd.md")
    (root / "spec/portal/plan.md").symlink_to(root / "spec/portal/plan.md")
    (root / "spec/portal/tasks.md").mkdir()
    (bundle,) = bundles(Checkout(root))
    assert [rule for rule, *_ in rules(bundle)] == ["unreadable"] * 3


def test_rows_of_a_table_are_judged_as_the_files_are(tmp_path: Path) -> None:
    files: dict[str, str] = {path: str(text) for path, text in (GOOD | KIT).items()}
    files["spec/portal/tasks.md"] += "- [x] T001 Wrote src/ and src/login.py, src/gone.py\n"
    documents = {path: text for path, text in files.items() if not path.startswith("src/")}
    assert bundles(Stored(documents, files)) == bundles(Checkout(write(tmp_path, dict(files))))


def test_a_document_that_was_not_loaded_cannot_comply() -> None:
    stored: dict[str, str | None] = {**GOOD, "spec/portal/prd.md": None}
    (bundle,) = bundles(Stored(stored))
    assert bundle.reasons() == ["unreadable: spec/portal/prd.md"]


def test_a_huge_document_is_not_read_whole(tmp_path: Path) -> None:
    root = write(tmp_path, dict(GOOD))
    with (root / "spec/portal/prd.md").open("wb") as file:
        file.truncate(1 << 40)
    (bundle,) = bundles(Checkout(root))
    assert rules(bundle) == [("unreadable", "error", None)]


@pytest.mark.parametrize(
    "line",
    [
        "`a``b" * 200_000,
        "TODO " * 200_000,
        "- [x] a/b.py\n" * 80_000,
        "- [x] a\n" + " b\n" * 300_000,
        "[A" * 500_000,
        "a/" * 500_000,
    ],
    ids=["backticks", "words", "paths", "long task", "brackets", "slashes"],
)
def test_hostile_text_takes_bounded_time_and_gives_bounded_problems(line: str) -> None:
    begun = time.monotonic()
    bundle = judged(GOOD | {"spec/portal/tasks.md": (FILLER + line)[:MAX_BYTES]})
    assert time.monotonic() - begun < 5
    assert len(bundle.problems) < 100


CONTENT = st.binary(max_size=200) | st.text("# -*[xX]`~TODBFR01ab/.md\r\n\t\u2028é", max_size=200).map(str.encode)


@given(st.dictionaries(st.sampled_from([*GOOD, *KIT]), CONTENT, max_size=9))
def test_any_content_is_judged_without_an_error(files: dict[str, bytes]) -> None:
    for bundle in bundles(Memory(dict(files))):
        assert bundle.compliant(strict=True) <= bundle.compliant(strict=False)
        assert 0 <= bundle.tasks_done <= bundle.tasks_total
        assert set(bundle.requirements_with_task) <= set(bundle.requirements)


@given(st.lists(st.tuples(st.booleans(), st.text("abc[]x `-", min_size=1, max_size=20)), max_size=30))
def test_tasks_are_counted_one_by_one(listed: list[tuple[bool, str]]) -> None:
    text = "".join(f"- [{'x' if done else ' '}] T{number:03} {words}\n" for number, (done, words) in enumerate(listed))
    found = speckit.tasks(text.split("\n"))
    assert [task.done for task in found] == [done for done, _ in listed]


@given(st.text(alphabet="`ab ", max_size=60))
def test_what_is_no_code_keeps_its_words(line: str) -> None:
    ((_, kept),) = speckit.prose([f"x{line}"])
    assert kept.replace(" ", "").startswith("x")
    if "`" not in line:
        assert kept == f"x{line}"
