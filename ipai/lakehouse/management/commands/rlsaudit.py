"""``manage.py rlsaudit [--json]``: who can reach what in the database in use, and what is wrong with that."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from ipai.commands import JsonCommand
from ipai.lakehouse.audit import Audit, AuditBlocked, run_audit


class Command(JsonCommand):
    help = "Checks every schema, table, view, function and role of the live database; fails on a finding of level error."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            audit = run_audit()
        except AuditBlocked as error:
            raise CommandError(str(error)) from error
        findings = [finding._asdict() for finding in audit.findings]
        self.answer(options, {"ok": audit.ok, "checked": audit.checked, "findings": findings}, as_words(audit))
        if not audit.ok:
            raise CommandError(f"rlsaudit found {_errors(audit)} errors")


def as_words(audit: Audit) -> str:
    """Two lines for each finding, then what was checked."""
    lines = [
        f"{finding.level:<7} {finding.object}: {finding.problem}\n        repair: {finding.repair}" for finding in audit.findings
    ]
    checked = ", ".join(f"{count} {what}" for what, count in audit.checked.items()) or "no further"
    errors = _errors(audit)
    return "\n".join([*lines, f"checked {checked}: {errors} errors, {len(audit.findings) - errors} warnings"])


def _errors(audit: Audit) -> int:
    return sum(finding.level == "error" for finding in audit.findings)
