"""What the connector commands share: tenants, connectors by name, a connector's errors."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connectors import queries
from connectors.errors import ConfigInvalid, ConnectorError, RunInProgress
from connectors.models import ConnectorConfig
from ipai.access.models import DEFAULT_TENANT, Tenant
from ipai.commands import JsonCommand, Refused
from ipai.observability.audit import Actor

CLI = Actor("command line")


class ConnectorCommand(JsonCommand):
    """A command about the connectors of one tenant."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="slug of the tenant (default: %(default)s)")

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

    def refused(self, error: ConnectorError, returncode: int = 1) -> CommandError:
        """The error in one line; for ``--json`` with its fields or the run that is in the way."""
        if isinstance(error, ConfigInvalid):
            return Refused(error.message, returncode=2, fields=error.fields)
        if isinstance(error, RunInProgress):
            cancel = f"To cancel it: manage.py cancelrun {error.run.pk}"
            return Refused(f"{error.message}. {cancel}", returncode, run_id=str(error.run.pk))
        return Refused(error.message, returncode)

    def interactive(self, options: dict[str, Any]) -> bool:
        """Whether a person is looking at a terminal."""
        return sys.stderr.isatty() and not options["json"]
