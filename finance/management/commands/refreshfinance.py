"""``manage.py refreshfinance [--full] [--json]``: bring the figures of every connector up to date with its bronze rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from finance.services import refresh_all
from ipai.commands import JsonCommand


class Command(JsonCommand):
    help = "Brings the figures of finance up to date with what connectors have loaded; a run does this by itself at its end."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--full", action="store_true", help="make everything again, not only what changed")

    def handle(self, *args: Any, **options: Any) -> None:
        done = refresh_all(full=options["full"])
        lines = [f"{one.connector_id}: {one.items:,} journal items counted in {one.seconds:.1f} s" for one in done]
        self.answer(
            options, {"connectors": [asdict(one) for one in done]}, "\n".join(lines) or "No connector has loaded a ledger yet"
        )
