"""``manage.py migrationfreeze [--check]``: keep applied migrations as they are."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ipai.lakehouse.freeze import compare, freeze


class Command(BaseCommand):
    help = "Adds new migrations to the frozen list, or checks that no frozen one changed. Needs no database."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--check", action="store_true", help="only look; exit 1 when a file changed, went or is not listed")
        which.add_argument(
            "--again", action="store_true", help="take changed files as they are; only for migrations that no database has applied"
        )

    def handle(self, *args: Any, check: bool, again: bool, **options: Any) -> None:
        if check:
            problems = compare().problems()
            if problems:
                raise CommandError("\n".join(problems))
            self.stdout.write("frozen migrations: unchanged")
            return
        found = freeze(again=again)
        left = [] if again else [*found.changed, *found.gone]
        for path in found.new if not again else [*found.new, *found.changed, *found.gone]:
            self.stdout.write(f"frozen: {path}")
        if left:
            found.new = []
            raise CommandError("\n".join(found.problems()))
