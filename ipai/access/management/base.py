"""What the commands about access share."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from ipai.access.errors import AccessError
from ipai.access.models import Tenant

CLI = "command line"


class AccessCommand(BaseCommand):
    """Exit 0 done, 1 failed, 2 wrong usage."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")

    def tenant(self, slug: str) -> Tenant:
        """The tenant by slug."""
        found = Tenant.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"There is no tenant {slug!r}; make it with: createtenant {slug}", returncode=2)
        return found

    def refused(self, error: AccessError) -> CommandError:
        """Wrong usage, in one line."""
        return CommandError("; ".join(f"{field}: {why}" for field, why in error.fields.items()), returncode=2)

    def answer(self, options: dict[str, Any], data: dict[str, Any], words: str) -> None:
        """Print the result for people, or as JSON."""
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder) if options["json"] else words)
