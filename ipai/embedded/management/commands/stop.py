"""``manage.py stop``: end the embedded services now, instead of some minutes after their last use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ipai.embedded.errors import ServiceError
from ipai.embedded.services import Services


class Command(BaseCommand):
    help = "Stop the embedded PostgreSQL and broker."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="also while `up` runs, which then ends too")

    def handle(self, *args: Any, **options: Any) -> None:
        services: Services | None = settings.IPAI_SERVICES
        if services is None:
            raise CommandError("DATABASE_URL and REDIS_URL are set: there are no embedded services to stop")
        if services.status().up and not options["force"]:
            raise CommandError("`manage.py up` runs: stop it with Ctrl-C, or give --force")
        try:
            stopped = services.stop()
        except ServiceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Stopped" if stopped else "Nothing was running")
