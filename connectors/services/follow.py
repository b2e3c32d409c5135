"""What follows a run: whoever shapes a schema's rows into figures hears that there are new ones."""

from __future__ import annotations

from uuid import UUID

from connectors.models import ConnectorRun, Status, Trigger
from ipai.toolkit import Load, loaded


def follow_run(run_id: UUID) -> None:
    """Tell the followers of every schema that an ended run loads into. Harmless when repeated."""
    run = ConnectorRun.objects.select_related("connector__tenant").filter(pk=run_id).first()
    if run is None:  # its connector was deleted meanwhile
        return
    schemas = {target.partition(".")[0] for target in run.streams.values_list("target", flat=True)}
    was_read = run.status == Status.SUCCESS and run.trigger != Trigger.WEBHOOK
    for schema in sorted(schemas):
        loaded(Load(schema, run.connector.tenant.id, run.connector_id, was_read))
