"""What the connector commands share: tenants, errors as one line, JSON last on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from connectors import queries
from connectors.models import ConnectorConfig
from ipai.access.models import DEFAULT_TENANT, Tenant
from ipai.observability.audit import Actor

CLI = Actor("command line")


class ConnectorCommand(BaseCommand):
    """Exit 0 done, 1 failed, 2 wrong usage."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="slug of the tenant (default: %(default)s)")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")

    def tenant(self, slug: str) -> Tenant:
        """The tenant by slug."""
        found = Tenant.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"There is no tenant {slug!r}; make it with: createtenant {slug}", returncode=2)
        return found

    def connector(self, name: str, tenant: str) -> ConnectorConfig:
        """The connector by name or id."""
        found = queries.connector_named(name, self.tenant(tenant))
        if found is None:
            raise CommandError(
                f"There is no connector {name!r}; make it with: createconnector {name} --type TYPE --config JSON", returncode=2
            )
        return found

    def answer(self, options: dict[str, Any], data: dict[str, Any], words: str) -> None:
        """Print the result for people, or as JSON."""
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder) if options["json"] else words)

    def interactive(self, options: dict[str, Any]) -> bool:
        """Whether a person is looking at a terminal."""
        return sys.stderr.isatty() and not options["json"]
