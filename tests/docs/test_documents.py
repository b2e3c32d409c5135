"""What the documents say is so: links lead somewhere, tables list what exists, examples use real options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("spec/**/*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(without_fences(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        headings = re.findall(r"^#+ (.*)$", without_fences(file.read_text()), re.M) if fragment and file.is_file() else []
        if not file.exists() or (fragment and fragment not in map(anchor, headings)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_names_the_machine_it_was_written_on(page: Path) -> None:
    forbidden = re.compile(r"/work/|/tmp/|/root/|\.\./shared|pypi\.|registry\.npm|deb\.debian", re.I)
    assert forbidden.findall(page.read_text()) == []


def test_every_page_under_docs_is_in_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in LINK.findall(index.read_text())}
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page != index}
    assert [named(page) for page in sorted(pages) if not listed & {page, *page.parents} - {ROOT / "docs"}] == []


def settings_variables() -> set[str]:
    """Names that ``ipai/settings.py`` passes to ``env.something(...)``."""
    tree = ast.parse((ROOT / "ipai" / "settings.py").read_text())
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def table(page: str, heading: str) -> set[str]:
    """The first words of the first column under a heading."""
    section = re.split(r"^## ", (ROOT / page).read_text(), flags=re.M)
    text = next(part for part in section if part.startswith(heading))
    return set(re.findall(r"^\| `(\w+)", text, re.M))


def test_the_environment_table_is_what_the_settings_read() -> None:
    assert table("docs/operations.md", "Environment") == settings_variables()


def own_commands() -> dict[str, BaseCommand]:
    own = {
        config.name for config in apps.get_app_configs() if Path(config.path).is_relative_to(ROOT) and ".venv" not in config.path
    }
    return {name: load_command_class(app, name) for name, app in get_commands().items() if app in own}


def test_the_command_tables_are_what_exists() -> None:
    documented = set().union(*(table("docs/commands.md", heading) for heading in ("Running", "Connectors", "People", "Checking")))
    assert documented == set(own_commands())


def test_every_documented_option_exists() -> None:
    commands = own_commands()
    unknown = []
    for line in (ROOT / "docs" / "commands.md").read_text().splitlines():
        if (row := re.match(r"\| `(\w+)", line)) and row[1] in commands:
            options = commands[row[1]].create_parser("manage.py", row[1])._option_string_actions
            unknown += [f"{row[1]} {option}" for option in re.findall(r"--[a-z-]+", line) if option not in options]
    assert unknown == []


def examples() -> Iterator[tuple[str, list[str]]]:
    """Each ``manage.py`` call in a shell block: the page and its words after ``manage.py``."""
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            for call in re.findall(r"manage\.py ([^|)\n]+)", block.replace("\\\n", " ")):
                yield named(page), shlex.split(call, comments=True)


@pytest.mark.parametrize(
    ("page", "words"), list(examples()), ids=lambda value: value if isinstance(value, str) else " ".join(value[:2])
)
def test_every_example_parses(page: str, words: list[str]) -> None:
    command = own_commands()[words[0]]
    command.create_parser("manage.py", words[0]).parse_args(words[1:])


def test_every_make_target_named_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named_ones = {target for page in PAGES for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.M)}
    assert named_ones
    assert named_ones - targets == set()


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.M)
    assert phony
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", text, re.M))
