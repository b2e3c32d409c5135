"""Spec Kit bundles: what a repository says it will build, and whether the documents hold what they must.

Two layouts are known. This organisation's: ``spec/<slug>/{constitution,prd,plan,tasks}.md``. github/spec-kit's:
``specs/<feature>/{spec,plan,tasks}.md`` with one ``.specify/memory/constitution.md`` for the repository. A folder of
``spec/`` or ``specs/`` is a bundle when it is empty or holds a Markdown file, so an RSpec tree is none.

Rules. An error makes a bundle non-compliant: these are the rules of the gold figures. A warning does so when ``strict``:

=================== ============================================================================ =======
missing             a document of the layout is not there (names are case-sensitive)             error
empty               nothing but white space                                                      error
placeholder         a ``[TEMPLATE TOKEN]`` in capitals, ``[NEEDS CLARIFICATION``, or, headings
                    aside, nothing but TODO or TBD                                               error
unreadable          not a regular file, over 1 MiB, or a link out of the checkout                error
not-text            not UTF-8, or holds NUL                                                      warning
too-short           under 10 non-blank lines (this organisation's layout)                        warning
leftover            TODO, TBD, PLACEHOLDER, FILL ME IN, LOREM IPSUM                              warning
needs-clarification ``NEEDS CLARIFICATION`` without the bracket (spec-kit)                       warning
no-ids              spec.md without FR-### or SC-###, tasks.md without T### (spec-kit)           warning
missing-path        a ticked task names a file or folder that does not exist                     warning
=================== ============================================================================ =======

For the warnings code is not prose: what stands in a fenced block or in backticks may name these words without being one
of them. ``TODO`` and ``PLACEHOLDER`` count in capitals (or as ``todo:``), since both are everyday words otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from devops.trees import MAX_BYTES, Tree, Unreadable

MIN_LINES = 10
DEEPEST = 5
"""Folders below a bundle's that are looked into for a Markdown file."""
MAX_PATHS = 2000
"""Paths of ticked tasks that are looked for in one bundle."""
MOST_PER_RULE = 20
"""Problems reported of one rule in one file; the last one says how many more there are."""

Severity = Literal["error", "warning"]
Layout = Literal["bundle", "spec-kit"]
DOCUMENTS: dict[Layout, tuple[str, ...]] = {
    "bundle": ("constitution", "prd", "plan", "tasks"),
    "spec-kit": ("spec", "plan", "tasks"),
}
ROOTS: dict[Layout, str] = {"bundle": "spec", "spec-kit": "specs"}
CONSTITUTION = ".specify/memory/constitution.md"

PLACEHOLDER = re.compile(r"\[(?!US\d+\])[A-Z][A-Z0-9_ ]{3,}\]|\[NEEDS CLARIFICATION")
ONLY_PLACEHOLDER = re.compile(r"(?:TODO|TBD)[.:!]?", re.IGNORECASE)
LEFTOVER = re.compile(r"\b(?:TODO|PLACEHOLDER|(?i:todo(?=:)|tbd|fill +me +in|lorem +ipsum))\b")
CLARIFY = re.compile(r"NEEDS CLARIFICATION")
TASK = re.compile(r"^\s{0,20}[-*+] \[([ xX])\] (.*)$")
TASK_ID = re.compile(r"\bT\d{3,}\b")
REQUIREMENT = re.compile(r"\bFR-\d{3,}\b")
CRITERION = re.compile(r"\bSC-\d{3,}\b")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
# A path named in a task: in backticks with a slash and an ending or a slash at the end, or bare with slash and ending.
PATH = re.compile(r"(?:[\w.@+-]{1,100}/){1,20}(?:[\w@+-][\w.@+-]{0,100}\.[A-Za-z]\w{0,9})?")


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. ``line`` is None when the whole file is meant."""

    file: str
    line: int | None
    rule: str
    severity: Severity
    message: str


@dataclass(slots=True)
class Bundle:
    """What was found in one bundle. Requirement ids are those of its spec.md (prd.md), in order of appearance."""

    path: str
    layout: Layout
    problems: list[Problem] = field(default_factory=list)
    tasks_done: int = 0
    tasks_total: int = 0
    requirements: tuple[str, ...] = ()
    requirements_with_task: tuple[str, ...] = ()
    missing_paths: list[dict[str, str | int]] = field(default_factory=list)
    """``{"task", "line", "path"}`` of ticked tasks whose path does not exist."""

    def compliant(self, *, strict: bool = False) -> bool:
        return not any(strict or problem.severity == "error" for problem in self.problems)

    def reasons(self) -> list[str]:
        """Why it does not comply, once for each document: ``missing: spec/portal/prd.md``."""
        return list(dict.fromkeys(f"{problem.rule}: {problem.file}" for problem in self.problems if problem.severity == "error"))


@dataclass(frozen=True, slots=True)
class Task:
    """One checkbox of tasks.md with the lines that continue it."""

    line: int
    done: bool
    text: str


def bundles(tree: Tree) -> list[Bundle]:
    """Every bundle of a tree, judged, in the order of their paths. Never raises for what the files hold."""
    found = []
    for layout, root in ROOTS.items():
        for name in sorted(tree.names(root)):
            path = f"{root}/{name}"
            if not name.startswith(".") and tree.is_folder(path) and _is_bundle(tree, path):
                found.append(_judge(tree, path, layout))
    return found


def _is_bundle(tree: Tree, path: str) -> bool:
    """Whether a folder is empty or holds a Markdown file, however deep."""
    names = list(tree.names(path))
    return not names or any(_holds_markdown(tree, f"{path}/{name}", DEEPEST) for name in names)


def _holds_markdown(tree: Tree, path: str, depth: int) -> bool:
    if tree.is_folder(path):
        return depth > 0 and any(_holds_markdown(tree, f"{path}/{name}", depth - 1) for name in tree.names(path))
    return path.lower().endswith(".md")


def _judge(tree: Tree, path: str, layout: Layout) -> Bundle:
    bundle = Bundle(path, layout)
    documents = {name: f"{path}/{name}.md" for name in DOCUMENTS[layout]}
    if layout == "spec-kit":
        documents |= {"constitution": CONSTITUTION}
    lines = {name: _document(tree, file, bundle) for name, file in documents.items()}
    for name, file in documents.items():
        text = lines[name]
        if text is not None:
            bundle.problems += _capped(_placeholders(file, text))
            bundle.problems += _capped(_wording(file, text, layout))
            bundle.problems += _ids(file, name, text) if layout == "spec-kit" else ()
    _follow_up(tree, bundle, documents["tasks"], lines["prd" if layout == "bundle" else "spec"] or [], lines["tasks"] or [])
    return bundle


def _document(tree: Tree, file: str, bundle: Bundle) -> list[str] | None:
    """The lines of a document, or None with the problem noted."""

    def problem(rule: str, message: str, severity: Severity = "error") -> None:
        bundle.problems.append(Problem(file, None, rule, severity, message))

    try:
        data = tree.read(file)
        if len(data) > MAX_BYTES:
            raise Unreadable(f"is larger than {MAX_BYTES // 1024} KiB")
    except FileNotFoundError:
        problem("missing", "is missing")
        return None
    except Unreadable as error:
        problem("unreadable", str(error))
        return None
    text = data.decode("utf-8-sig", "replace")
    if "\0" in text or "\ufffd" in text:
        problem("not-text", "is not UTF-8 text", "warning")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = sum(1 for line in lines if line.strip())
    if filled == 0:
        problem("empty", "is empty")
        return None
    if bundle.layout == "bundle" and filled < MIN_LINES:
        problem("too-short", f"has {filled} non-blank lines, {MIN_LINES} are wanted", "warning")
    return lines


def _placeholders(file: str, lines: list[str]) -> Iterator[Problem]:
    """What a template left: its tokens wherever they stand, or a document that says nothing else than that it is to be done."""
    for number, line in enumerate(lines, 1):
        if match := PLACEHOLDER.search(line):
            yield Problem(file, number, "placeholder", "error", f"still has the template's {match[0]}")
    body = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if len(body) == 1 and ONLY_PLACEHOLDER.fullmatch(body[0][1]):
        yield Problem(file, body[0][0], "placeholder", "error", f"says nothing but {body[0][1]}")


def prose(lines: Iterable[str], *, keep_code: bool = False) -> Iterator[tuple[int, str]]:
    """``(line number from 1, text)`` outside fenced blocks; the content of backticks is left out unless ``keep_code``."""
    fence = ""
    for number, line in enumerate(lines, 1):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark and not (mark[1][0] == "`" and "`" in line[mark.end() :]):
            fence = mark[1]
        else:
            yield number, line if keep_code else _without_code(line)


def _without_code(line: str) -> str:
    """``line`` without its code spans: a run of backticks opens one when a run of the same length follows (linear time)."""
    if "`" not in line:
        return line
    pieces = re.split(r"(`+)", line)
    closing: dict[int, int] = {}
    following: dict[int, int] = {}
    for index in range(len(pieces) - 2, 0, -2):
        length = len(pieces[index])
        closing[index] = following.get(length, 0)
        following[length] = index
    kept, index = [], 0
    while index < len(pieces):
        if index % 2 and closing[index]:
            index = closing[index]
        else:
            kept.append(pieces[index])
        index += 1
    return " ".join(kept)


def _wording(file: str, lines: list[str], layout: Layout) -> Iterator[Problem]:
    for number, text in prose(lines):
        if match := LEFTOVER.search(text):
            yield Problem(file, number, "leftover", "warning", f"still says {match[0]}")
        if layout == "spec-kit" and CLARIFY.search(PLACEHOLDER.sub("", text)):
            yield Problem(file, number, "needs-clarification", "warning", "still needs clarification")


def _ids(file: str, name: str, lines: list[str]) -> Iterator[Problem]:
    text = "\n".join(line for _, line in prose(lines, keep_code=True))
    if name == "spec" and not REQUIREMENT.search(text):
        yield Problem(file, None, "no-ids", "warning", "names no requirement (FR-001)")
    if name == "spec" and not CRITERION.search(text):
        yield Problem(file, None, "no-ids", "warning", "names no success criterion (SC-001)")
    if name == "tasks" and not any(TASK_ID.search(task.text) for task in tasks(lines)):
        yield Problem(file, None, "no-ids", "warning", "has no task with an id (- [ ] T001 ...)")


def _capped(problems: Iterable[Problem]) -> list[Problem]:
    """At most ``MOST_PER_RULE`` of each rule; a last one counts the rest."""
    kept: list[Problem] = []
    seen: dict[str, list[Problem]] = {}
    for problem in problems:
        seen.setdefault(problem.rule, []).append(problem)
    for rule, found in seen.items():
        kept += found[:MOST_PER_RULE]
        if rest := found[MOST_PER_RULE:]:
            worst: Severity = "error" if any(problem.severity == "error" for problem in rest) else "warning"
            kept.append(Problem(rest[0].file, rest[0].line, rule, worst, f"and {len(rest)} more from here on"))
    return kept


def tasks(lines: Iterable[str]) -> list[Task]:
    """The checkboxes outside fenced blocks, each with its indented continuation lines."""
    found: list[tuple[int, bool, list[str]]] = []
    collecting = False
    for number, line in prose(lines, keep_code=True):
        if match := TASK.match(line):
            found.append((number, match[1] in "xX", [match[2]]))
            collecting = True
        elif collecting and line.startswith((" ", "\t")) and line.strip() and not line.lstrip().startswith(("- ", "* ", "+ ")):
            found[-1][2].append(line.strip())
        else:
            collecting = False
    return [Task(number, done, " ".join(text)) for number, done, text in found]


def named_paths(text: str) -> list[str]:
    """The repository paths that a task names, e.g. ``src/models/user.py`` or `` `src/models/` ``; addresses are none."""
    code = {word.strip() for word in re.findall(r"`([^`]{1,300})`", text)}
    words = (word.strip("`'\"()[]<>,;:!?*") for word in text.split() if "://" not in word and len(word) < 400)
    found = []
    for word in words:
        path = re.sub(r":\d+(-\d+)?$", "", word).removesuffix(".").removeprefix("./")
        if PATH.fullmatch(path) and (not path.endswith("/") or word in code) and path not in found:
            found.append(path)
    return found


def _follow_up(tree: Tree, bundle: Bundle, file: str, requirements: list[str], task_lines: list[str]) -> None:
    """Counts of tasks, requirements that a task names, and the paths of ticked tasks that are not there."""
    listed = tasks(task_lines)
    bundle.tasks_total, bundle.tasks_done = len(listed), sum(task.done for task in listed)
    stated = dict.fromkeys(match for _, text in prose(requirements, keep_code=True) for match in REQUIREMENT.findall(text))
    worked_on = {match for task in listed for match in REQUIREMENT.findall(task.text)}
    bundle.requirements = tuple(stated)
    bundle.requirements_with_task = tuple(name for name in stated if name in worked_on)
    ticked = [(task, path) for task in listed if task.done for path in named_paths(task.text)]
    problems = []
    for task, path in ticked[:MAX_PATHS]:
        if not tree.exists(path) and not tree.exists(str(PurePosixPath(bundle.path) / path)):
            label = match[0] if (match := TASK_ID.search(task.text)) else "a task"
            bundle.missing_paths.append({"task": label, "line": task.line, "path": path})
            problems.append(Problem(file, task.line, "missing-path", "warning", f"{label} is ticked, but {path} does not exist"))
    bundle.problems += _capped(problems)
    if len(ticked) > MAX_PATHS:
        unseen = f"ticked tasks name {len(ticked)} paths; only the first {MAX_PATHS} were looked for"
        bundle.problems.append(Problem(file, None, "missing-path", "warning", unseen))
