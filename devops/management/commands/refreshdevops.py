"""``manage.py refreshdevops [--full] [--json]``: bring the DevOps figures up to date now, in this process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from devops.gold.refresh import refresh_all
from ipai.commands import JsonCommand


class Command(JsonCommand):
    help = "Makes the DevOps figures of what changed (with --full: of everything). Loads do this by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--full", action="store_true", help="make everything again")

    def handle(self, *args: Any, **options: Any) -> None:
        done = refresh_all(full=options["full"])
        report = {
            str(connector): {"parts": one.parts, "removed": one.removed, "failed": one.failed} for connector, one in done.items()
        }
        parts = sum(len(one.parts) for one in done.values())
        failed = [f"{name or connector}: {why}" for connector, one in done.items() for name, why in one.failed.items()]
        words = [f"{parts} parts of repositories made, of {len(done)} connectors", *(f"Failed: {one}" for one in failed)]
        self.answer(options, {"ok": not failed, "connectors": report}, "\n".join(words))
        if failed:
            raise SystemExit(1)
