"""``manage.py speckit PATH [--strict] [--json]``: exit 0 all bundles comply, 1 some do not or there is none, 2 wrong usage."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from devops import speckit
from devops.trees import Checkout
from ipai.commands import JsonCommand


class Command(JsonCommand):
    help = "Validates the Spec Kit bundles of a checkout (spec/<slug>/ and specs/<feature>/)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", help="the checkout's folder")
        parser.add_argument("--strict", action="store_true", help="warnings (placeholders, paths that do not exist) fail too")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["path"]:
            raise CommandError("the path is empty; name the checkout's folder, or . for this one", returncode=2)
        root = Path(options["path"])
        if not root.is_dir():
            raise CommandError(f"{root} is not a folder; name the checkout's folder", returncode=2)
        found = speckit.bundles(Checkout(root))
        report = summary(found, strict=options["strict"])
        # A file name need not be valid Unicode; the terminal's encoding need not hold every character.
        self.answer(options, report, "\n".join(map(printable, words(found, report))).encode("utf-8", "backslashreplace").decode())
        if not report["ok"]:
            raise SystemExit(1)


def summary(found: list[speckit.Bundle], *, strict: bool) -> dict[str, Any]:
    """What ``--json`` prints: ``{"ok", "strict", "message", "bundles": [...]}``, problems as :class:`devops.speckit.Problem`."""
    rows = [
        {
            "bundle": bundle.path,
            "layout": bundle.layout,
            "compliant": bundle.compliant(strict=strict),
            "problems": [asdict(problem) for problem in bundle.problems],
            "tasks": {"done": bundle.tasks_done, "total": bundle.tasks_total},
            "requirements": {
                "total": len(bundle.requirements),
                "with_task": len(bundle.requirements_with_task),
                "without_task": [name for name in bundle.requirements if name not in bundle.requirements_with_task],
            },
            "missing_paths": bundle.missing_paths,
        }
        for bundle in found
    ]
    good = sum(bool(row["compliant"]) for row in rows)
    message = f"{good} of {len(rows)} bundles comply" if rows else "No Spec Kit bundle found in spec/<slug>/ or specs/<feature>/"
    return {"ok": bool(rows) and good == len(rows), "strict": strict, "message": message, "bundles": rows}


def printable(line: str) -> str:
    """A line in which control characters are escapes: names of files may hold line breaks and codes that a terminal obeys."""
    return "".join(ascii(char)[1:-1] if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in line)


def words(found: list[speckit.Bundle], report: dict[str, Any]) -> list[str]:
    """The report for people: one line per bundle, one per problem, one at the end."""
    lines = []
    for bundle, row in zip(found, report["bundles"], strict=True):
        verdict = "ok  " if row["compliant"] else "FAIL"
        covered = f"{len(bundle.requirements_with_task)}/{len(bundle.requirements)}"
        done = f"{bundle.tasks_done}/{bundle.tasks_total}"
        lines.append(f"{verdict} {bundle.path} ({bundle.layout}): tasks {done}, requirements with a task {covered}")
        for problem in bundle.problems:
            place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
            lines.append(f"     {place}: {problem.message} [{problem.rule}, {problem.severity}]")
    return [*lines, report["message"]]
