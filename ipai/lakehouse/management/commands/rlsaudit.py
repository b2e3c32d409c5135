"""``manage.py rlsaudit [--json]``: who can reach what in the database in use, and what is wrong with that."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ipai.lakehouse.audit import AuditBlocked, run_audit


class Command(BaseCommand):
    help = "Checks every schema, table, view, function and role of the live database; fails on a finding of level error."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            audit = run_audit()
        except AuditBlocked as error:
            raise CommandError(str(error)) from error
        errors = sum(finding.level == "error" for finding in audit.findings)
        if options["json"]:
            findings = [finding._asdict() for finding in audit.findings]
            self.stdout.write(json.dumps({"ok": audit.ok, "checked": audit.checked, "findings": findings}))
        else:
            for finding in audit.findings:
                self.stdout.write(f"{finding.level:<7} {finding.object}: {finding.problem}\n        repair: {finding.repair}")
            checked = ", ".join(f"{count} {what}" for what, count in audit.checked.items()) or "no further"
            self.stdout.write(f"checked {checked}: {errors} errors, {len(audit.findings) - errors} warnings")
        if errors:
            raise CommandError(f"rlsaudit found {errors} errors")
