"""Cancel a run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from connectors import queries, services
from connectors.errors import ConnectorError
from connectors.management.base import CLI, ConnectorCommand
from connectors.models import ConnectorRun, Status


class Command(ConnectorCommand):
    help = "Cancels the run that a connector has open. What is committed stays; a stream that runs stops at its next batch."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="RUN_OR_CONNECTOR", help="id of a run, or name or id of a connector")

    def handle(self, *_: Any, **options: Any) -> None:
        run = self._run(options["name"], options["tenant"])
        services.reap_lost(run.connector)
        try:
            run = services.cancel_run(CLI, run)
        except ConnectorError as error:
            raise self.refused(error) from None
        stopped = run.status == Status.CANCELLED
        words = f"Run {run.pk} of {run.connector.name} " + ("is cancelled" if stopped else "stops at its next batch")
        self.answer(options, queries.run_detail(run) | {"cancel_requested": True}, words)

    def _run(self, name: str, tenant: str) -> ConnectorRun:
        """The run itself, or the one that the connector has open."""
        run = queries.run_with_id(name, self.tenant(tenant))
        if run:
            return run
        connector = self.connector(name, tenant)
        run = queries.open_run(connector)
        if run is None:
            raise CommandError(f"{connector.name} has no run that is queued or running")
        return run
