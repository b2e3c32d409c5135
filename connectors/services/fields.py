"""Keeping what a run has learned of a vendor's fields, so that the console need not ask the vendor."""

from __future__ import annotations

from dataclasses import asdict, replace

from django.utils import timezone

from connectors.contract import FieldMapping, Stream
from connectors.engine.shared import Misfit, misfits
from connectors.engine.tables import target
from connectors.engine.transact import one_transaction
from connectors.models import RunStream, StreamFields


def keep_fields(row: RunStream, stream: Stream | None) -> None:
    """Keep what became of the stream's fields, if this run has asked for them."""
    fields = stream.fields() if stream else None
    if stream is None or fields is None:
        return
    unfit = {misfit.name: misfit for misfit in _misfits(row, stream)}
    told = [asdict(_left_raw(field, unfit.get(field.name))) for field in fields]
    known = {"fields": told, "read_at": timezone.now()}
    StreamFields.objects.update_or_create(connector_id=row.run.connector_id, stream=row.stream, defaults=known)


def _misfits(row: RunStream, stream: Stream) -> list[Misfit]:
    table = target(stream.target)
    with one_transaction() as cursor:
        table.read(cursor)
        return misfits(cursor, table, stream, row.run.connector_id)


def _left_raw(field: FieldMapping, misfit: Misfit | None) -> FieldMapping:
    return field if misfit is None else replace(field, column=None, column_type=None, in_raw=True, note=str(misfit))
