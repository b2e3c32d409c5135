"""Try a connector's source with its secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connectors import services
from connectors.contract import Check
from connectors.errors import ConnectorError
from connectors.management.base import ConnectorCommand
from ipai.vault.errors import VaultError


class Command(ConnectorCommand):
    help = "Tries the source: reachable, allowed, streams found; one line each."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")

    def handle(self, *_: Any, **options: Any) -> None:
        connector = self.connector(options["name"], options["tenant"])
        try:
            checks = services.check_connector(connector)
        except ConnectorError as error:
            raise self.refused(error) from None
        except VaultError as error:
            raise CommandError(str(error)) from None
        ok = bool(checks) and all(check.ok for check in checks)
        words = "\n".join(f"{_mark(check)}  {check.name}: {check.detail}" for check in checks)
        self.answer(options, {"connector": connector.name, "ok": ok, "checks": [asdict(check) for check in checks]}, words)
        if not ok:
            raise SystemExit(1)


def _mark(check: Check) -> str:
    return "FAIL" if not check.ok else "warn" if check.warning else "ok  "
