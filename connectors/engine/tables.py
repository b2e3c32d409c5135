"""The target tables: made, grown and widened inside the transaction that loads them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from connectors.contract import StopStream
from connectors.engine import types
from connectors.engine.errors import Cancelled, EngineError
from connectors.engine.infer import Column
from connectors.engine.names import META

LOCK_TIMEOUT = "10s"
Cursor = psycopg.Cursor[Any]

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_UNIQUE = """
SELECT i.indisprimary, array_agg(a.attname::text) FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indpred IS NULL GROUP BY i.indexrelid, i.indisprimary
"""


@dataclass(slots=True)
class Table:
    """A target as the database has it now. ``columns`` are the data columns' types; ``exists`` before this load?"""

    schema: str
    name: str
    columns: dict[str, str] = field(default_factory=dict)
    meta: set[str] = field(default_factory=set)
    exists: bool = False
    created: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        """Quoted ``schema.table``."""
        return sql.Identifier(self.schema, self.name)

    def read(self, cursor: Cursor) -> None:
        """Take the columns from the catalog."""
        found = cursor.execute(_COLUMNS, [self.schema, self.name]).fetchall()
        self.exists = bool(found)
        self.columns = {name: types.short(kind) for name, kind in found if name not in META}
        self.meta = {name for name, _ in found if name in META}


def target(text: str) -> Table:
    """The table that a stream names as ``schema.table``; only bronze schemas are loaded into."""
    from ipai.lakehouse.tables import LAYERS

    schema, _, name = text.partition(".")
    layer = LAYERS.get(schema)
    if layer is None or layer.level != "bronze" or not name:
        raise StopStream(f"The target {text} is not in a bronze schema: name it like ipai_bronze_core.{name or 'table'}")
    if len(name.encode()) > 63:
        raise StopStream(f"The table name {name} is longer than 63 bytes")
    return Table(schema, name)


def reconcile(
    cursor: Cursor,
    table: Table,
    columns: Iterable[Column],
    meta: set[str],
    key: tuple[str, ...],
    tenant: UUID,
    stopping: Callable[[], bool],
) -> list[str]:
    """Make the table hold these columns; what changed, one line each. Locks only when something must change.

    The columns of ``key`` are NOT NULL in a new table: making the key later is then one scan less.
    """
    columns = list(columns)
    table.read(cursor)
    if not _lacks(table, columns, meta):
        return []
    _lock(cursor, table, stopping)
    table.read(cursor)
    if not _lacks(table, columns, meta):  # who held the lock has done it
        return []
    _refuse_others(cursor, table, columns, meta, tenant)
    try:
        changes = _alter(cursor, table, columns, meta) if table.exists else _create(cursor, table, columns, meta, key)
    except psycopg.errors.LockNotAvailable:
        raise EngineError(
            f"{table.schema}.{table.name} must change its columns but somebody has used it for {LOCK_TIMEOUT}: run again later"
        ) from None
    table.read(cursor)
    return changes


def _refuse_others(cursor: Cursor, table: Table, columns: list[Column], meta: set[str], tenant: UUID) -> None:
    """A tenant may not change the columns that another one's rows have. It may add those whose type the vendor declares."""
    new = [column for column in columns if column.name not in table.columns]
    kept = [column for column in columns if column.name in table.columns]
    if not table.exists or (all(column.declared for column in new) and not _lacks(table, kept, meta)):
        return
    others = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE _tenant_id <> %s)").format(table.identifier)
    row = cursor.execute(others, [tenant]).fetchone()
    if row and row[0]:
        unfit = [c.name for c in kept if types.join(table.columns[c.name], c.type) != table.columns[c.name]]
        why = f" (column{'s' if len(unfit) > 1 else ''} {', '.join(unfit)})" if unfit else ""
        raise StopStream(
            f"These records do not fit the table {table.name}{why}, which others load too, so it cannot be changed here:"
            " choose another table name, or leave this stream out"
        )


def _lacks(table: Table, columns: list[Column], meta: set[str]) -> bool:
    if not table.exists or not meta <= table.meta:
        return True
    return any(
        types.join(table.columns.get(c.name), c.type or table.columns.get(c.name)) != table.columns.get(c.name, "") for c in columns
    )


def _lock(cursor: Cursor, table: Table, stopping: Callable[[], bool]) -> None:
    """One transaction at a time changes a table; another connector's first load may take long, so ask, do not wait."""
    while True:
        row = cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"{table.schema}.{table.name}"]
        ).fetchone()
        if row and row[0]:
            return
        if stopping():
            raise Cancelled
        time.sleep(0.2)


def _create(cursor: Cursor, table: Table, columns: list[Column], meta: set[str], key: tuple[str, ...]) -> list[str]:
    from ipai.lakehouse.tables import protect

    parts: list[sql.Composable] = [
        sql.SQL(definition)
        for definition in (
            "_connector_id uuid NOT NULL",
            "_tenant_id uuid NOT NULL",
            "_run_id uuid NOT NULL",
            "_loaded_at timestamptz NOT NULL DEFAULT now()",
            "_deleted_at timestamptz",
            *(_META_TYPES[name] + (" NOT NULL" if name in key else "") for name in sorted(meta)),
        )
    ]
    parts += [_definition(column) + sql.SQL(" NOT NULL" if column.name in key else "") for column in columns]
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table.identifier, sql.SQL(", ").join(parts)))
    table.created = True
    for column in columns:
        _comment(cursor, table, column)
    protect(cursor, table.schema, table.name)
    renamed = [f"column {c.source!r} is named {c.name}" for c in columns if c.source != c.name]
    return [f"table {table.schema}.{table.name} created with {len(columns)} columns", *renamed]


_META_TYPES = {"_part": "_part bigint", "_row": "_row bigint", "_raw": "_raw jsonb"}


def _definition(column: Column) -> sql.Composed:
    # The type is one of types.py's names or what the catalog or the source's code declares, never a person's text.
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type or "text"))


def _alter(cursor: Cursor, table: Table, columns: list[Column], meta: set[str]) -> list[str]:
    changes = []
    actions = [sql.SQL("ADD COLUMN {}").format(sql.SQL(_META_TYPES[name])) for name in sorted(meta - table.meta)]
    added = []
    for column in columns:
        have = table.columns.get(column.name)
        if have is None:
            actions.append(sql.SQL("ADD COLUMN {}").format(_definition(column)))
            changes.append(f"column {column.name} added as {column.type or 'text'}")
            added.append(column)
            continue
        wanted = types.join(have, column.type)
        if wanted != have:
            actions.append(
                sql.SQL("ALTER COLUMN {0} TYPE {1} USING {0}::{1}").format(sql.Identifier(column.name), sql.SQL(wanted))  # type: ignore[arg-type]
            )
            changes.append(f"column {column.name} widened from {have} to {wanted}")
    if actions:
        _run_alter(cursor, table, actions)
    for column in added:
        _comment(cursor, table, column)
    return changes


def _run_alter(cursor: Cursor, table: Table, actions: list[sql.Composed]) -> None:
    try:
        cursor.execute(sql.SQL("ALTER TABLE {} {}").format(table.identifier, sql.SQL(", ").join(actions)))
    except psycopg.errors.FeatureNotSupported as error:
        detail = error.diag.message_detail or error.diag.message_primary or ""
        raise EngineError(
            f"A column of {table.schema}.{table.name} must be widened, but {detail}: drop the view, run again, make the view again"
        ) from None


def _comment(cursor: Cursor, table: Table, column: Column) -> None:
    if column.source != column.name:
        name = sql.Identifier(table.schema, table.name, column.name)
        cursor.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(name, sql.Literal(column.source.replace("\x00", ""))))


def among(table: Table, columns: Sequence[str], values: Sequence[tuple[Any, ...]]) -> tuple[sql.Composed, list[list[Any]]]:
    """A condition that ``columns`` together have one of these values, and its parameters."""
    arrays = [sql.SQL("%s::{}[]").format(sql.SQL(table.columns[name])) for name in columns]
    condition = sql.SQL("({}) IN (SELECT * FROM unnest({}))").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(arrays)
    )
    return condition, [[value[position] for value in values] for position in range(len(columns))]


def ensure_key(cursor: Cursor, table: Table, key: tuple[str, ...]) -> None:
    """A unique index on exactly these columns; the primary key when the table has none."""
    found = cursor.execute(_UNIQUE, [table.identifier.as_string(cursor)]).fetchall()
    if any(set(names) == set(key) for _, names in found):
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, key))
    make = "CREATE UNIQUE INDEX ON {} ({})" if any(primary for primary, _ in found) else "ALTER TABLE {} ADD PRIMARY KEY ({})"
    try:
        cursor.execute(sql.SQL(make).format(table.identifier, columns))
    except psycopg.errors.UniqueViolation:
        raise EngineError(
            f"{table.schema}.{table.name} holds rows with the same {', '.join(key[1:])}: it cannot be merged by that key"
        ) from None
