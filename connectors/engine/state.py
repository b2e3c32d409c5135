"""How far a stream has come: cursors of records, versions of parts. Written in the transaction that commits the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from connectors.contract import Cursor as Reached
from connectors.engine.context import StreamContext

Cursor = psycopg.Cursor[Any]

_SAVE = """
INSERT INTO ipai_connector_state (connector_id, stream, cursor, run_id, updated_at) VALUES (%s, %s, %s, %s, now())
ON CONFLICT (connector_id, stream) DO UPDATE SET cursor = excluded.cursor, run_id = excluded.run_id, updated_at = now()
"""
_PARTS = """
SELECT DISTINCT ON (name) name, cursor FROM ipai_loaded_part
WHERE connector_id = %s AND stream = %s AND gone_at IS NULL ORDER BY name, id DESC
"""
_COLUMNS = """
INSERT INTO ipai_loaded_table AS known (target, tenant_id, columns)
SELECT %(target)s, %(tenant)s, %(columns)s::text[]
WHERE NOT EXISTS (
    SELECT FROM ipai_loaded_table WHERE target = %(target)s AND tenant_id = %(tenant)s AND columns @> %(columns)s::text[]
)
ON CONFLICT (target, tenant_id) DO UPDATE
SET columns = ARRAY(SELECT DISTINCT unnest(known.columns || excluded.columns))
"""
_COUNTS = """
UPDATE ipai_connector_run_stream SET rows_read = %s, rows_written = %s, rows_updated = %s, rows_unchanged = %s, rows_deleted = %s,
rows_rejected = %s, rows_deduplicated = %s, metadata = metadata || %s WHERE id = %s
"""


def since(cursor: Cursor, connector_id: UUID, stream: str, of_records: bool) -> Reached | None:
    """What ``Stream.read`` is told: the saved cursor of records, or each part's latest cursor; None when there is nothing."""
    if of_records:
        row = cursor.execute(
            "SELECT cursor FROM ipai_connector_state WHERE connector_id = %s AND stream = %s", [connector_id, stream]
        ).fetchone()
        return row[0] if row else None
    return dict(cursor.execute(_PARTS, [connector_id, stream]).fetchall()) or None


def save_cursor(cursor: Cursor, context: StreamContext, reached: Reached | None) -> None:
    """Keep (or, for None, forget) the cursor of a stream of records."""
    if reached is None:
        cursor.execute(
            "DELETE FROM ipai_connector_state WHERE connector_id = %s AND stream = %s", [context.connector_id, context.stream.name]
        )
    else:
        cursor.execute(_SAVE, [context.connector_id, context.stream.name, Jsonb(reached), context.run_id])


def new_part(cursor: Cursor, context: StreamContext, name: str, reached: Reached | None) -> int:
    """The id of a part that is being loaded: ``_part`` of its rows."""
    row = cursor.execute(
        "INSERT INTO ipai_loaded_part (connector_id, stream, name, cursor, rows, run_id)"
        " VALUES (%s, %s, %s, %s, 0, %s) RETURNING id",
        [context.connector_id, context.stream.name, name, Jsonb(reached or {}), context.run_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


def part_rows(cursor: Cursor, part_id: int, rows: int) -> None:
    """Note how many rows the part brought."""
    cursor.execute("UPDATE ipai_loaded_part SET rows = %s WHERE id = %s", [rows, part_id])


def retire_parts(cursor: Cursor, context: StreamContext, name: str, version: Reached | None = None) -> list[int]:
    """Mark the loads of this part as gone; their ids. With ``version`` only those of that version, gone before or not."""
    condition = sql.SQL("gone_at IS NULL") if version is None else sql.SQL("cursor = {}").format(Jsonb(version))
    statement = sql.SQL(
        "UPDATE ipai_loaded_part SET gone_at = coalesce(gone_at, now()) "
        "WHERE connector_id = %s AND stream = %s AND name = %s AND {} RETURNING id"
    ).format(condition)
    return [row[0] for row in cursor.execute(statement, [context.connector_id, context.stream.name, name]).fetchall()]


def has_version(cursor: Cursor, context: StreamContext, name: str, version: Reached) -> bool:
    """Whether this version of the part is loaded; one that was marked gone is there again."""
    cursor.execute(
        "UPDATE ipai_loaded_part SET gone_at = NULL WHERE connector_id = %s AND stream = %s AND name = %s AND cursor = %s",
        [context.connector_id, context.stream.name, name, Jsonb(version)],
    )
    return cursor.rowcount > 0


def other_parts(cursor: Cursor, context: StreamContext, seen: set[str]) -> list[str]:
    """Names of loaded parts that are not in ``seen``."""
    found = cursor.execute(_PARTS, [context.connector_id, context.stream.name]).fetchall()
    return [name for name, _ in found if name not in seen]


def save_counts(cursor: Cursor, context: StreamContext) -> None:
    """Write the stream's counts so far and what its load says of itself."""
    c = context.counts
    counted = [c.read, c.written, c.updated, c.unchanged, c.deleted, c.rejected, c.deduplicated]
    cursor.execute(_COUNTS, [*counted, Jsonb(context.metadata()), context.run_stream_id])


def save_columns(cursor: Cursor, context: StreamContext, columns: Iterable[str]) -> None:
    """Note which columns of the target this tenant has brought: the catalog shows it no others."""
    found = {"target": context.stream.target, "tenant": context.tenant_id, "columns": list(columns)}
    cursor.execute(_COLUMNS, found)
