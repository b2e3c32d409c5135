"""``manage.py migrationdryrun [--json]``: try every migration where nothing can be lost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from ipai.commands import JsonCommand
from ipai.lakehouse.dryrun import LOCK_MODES, DryRunError, Report, Step, dry_run

BLOCKS_WRITERS = frozenset(LOCK_MODES[LOCK_MODES.index("ShareLock") :])


class Command(JsonCommand):
    help = (
        "Applies every migration to a scratch database, reverses them, re-applies, reports locks and destructive steps, drops it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = dry_run((lambda line: None) if options["json"] else self.stdout.write)
        except DryRunError as error:
            raise CommandError(str(error)) from error
        self.answer(options, as_data(report), as_table(report))
        if not report.ok:
            raise CommandError("\n".join(report.problems))


def as_data(report: Report) -> dict[str, Any]:
    """``{"ok", "stage", "steps": [...], "leftovers", "differences", "problems"}``."""
    return {"ok": report.ok, **asdict(report), "problems": report.problems}


def as_table(report: Report) -> str:
    """One line per migration, and under it what it blocks and what it may lose."""
    width = max((len(step.migration) for step in report.steps), default=0)
    lines = [f"{'migration':<{width}}  apply s  reverse s  locks on tables that were there"]
    for step in report.steps:
        back = "-" if step.reverse_seconds is None else f"{step.reverse_seconds:.3f}"
        lines.append(f"{step.migration:<{width}}  {step.seconds:7.3f}  {back:>9}  {_locks(step)}".rstrip())
        lines += [f"    ! {found}" for found in step.destructive]
    if report.ok:
        lines.append(f"{len(report.steps)} migrations applied, reversed without a trace, applied again to the same schema")
    return "\n".join(lines)


def _locks(step: Step) -> str:
    if not step.locks_known:
        return "not in one transaction: locks not known"
    strong = [f"{table} {mode.removesuffix('Lock')}" for table, mode in step.locks.items() if mode in BLOCKS_WRITERS]
    return ", ".join(strong[:4]) + (f" and {len(strong) - 4} more" if len(strong) > 4 else "")
