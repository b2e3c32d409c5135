"""Tables that several connectors load: what a stream must leave in ``_raw`` because others hold its column with another type."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pyarrow as pa
from psycopg import sql

from connectors.contract import KIND, Stream
from connectors.engine import types
from connectors.engine.tables import Cursor, Table


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field whose type the table's column does not take: ``wanted`` and ``have`` are Postgres types."""

    name: str
    wanted: str
    have: str

    def __str__(self) -> str:
        return f"it is {self.wanted} here, and the column of the shared table is {self.have}"


def misfits(cursor: Cursor, table: Table, stream: Stream, connector_id: UUID) -> list[Misfit]:
    """The optional fields of the stream that do not fit the columns of a table which other connectors have loaded, too.

    The column keeps its type, because others rely on it. A connector that is alone widens its columns instead.
    """
    if not (table.exists and stream.keep_raw and stream.schema_policy == "evolve"):
        return []
    found = []
    for name, declared in (stream.schema or {}).items():
        wanted, have = types.short(declared), table.columns.get(name)
        if have is not None and types.join(have, wanted) != have and stream.may_stay_raw(name):
            found.append(Misfit(name, wanted, have))
    return found if found and _has_others(cursor, table, connector_id) else []


def emptied(batch: pa.RecordBatch, found: list[Misfit]) -> pa.RecordBatch:
    """The batch with NULL in these columns: a value that was loaded before, with another type, must not stay."""
    for misfit in found:
        place = batch.schema.get_field_index(misfit.name)
        if place >= 0:
            field = pa.field(misfit.name, pa.string(), metadata={KIND: b"string"})
            batch = batch.set_column(place, field, pa.nulls(batch.num_rows, pa.string()))
    return batch


def _has_others(cursor: Cursor, table: Table, connector_id: UUID) -> bool:
    statement = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE _connector_id <> %s)").format(table.identifier)
    row = cursor.execute(statement, [connector_id]).fetchone()
    return bool(row and row[0])
