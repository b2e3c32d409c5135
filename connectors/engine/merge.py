"""Write mode merge: rows go to a temporary table, then new ones are inserted and changed ones updated, counted by the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from connectors.engine.encode import Constant
from connectors.engine.tables import Table

STAGE = sql.Identifier("ipai_stage")
SEEN = sql.Identifier("ipai_seen")

_REPEATED = "SELECT EXISTS (SELECT FROM {stage} GROUP BY {key} HAVING count(*) > 1)"
_KEEP_LAST = """
DELETE FROM {stage} AS s USING (SELECT {key}, max(_row) AS _row FROM {stage} GROUP BY {key} HAVING count(*) > 1) AS last
WHERE {same} AND s._row < last._row
"""
# An update and an insert, not ON CONFLICT: that locks every row it meets, the unchanged ones too. Nobody else writes rows of
# this connector meanwhile: the transaction holds the lease of its stream.
_UPDATE = """
UPDATE {table} AS t SET {assignments}, _deleted_at = NULL FROM {stage} AS s
WHERE t._connector_id = {connector} AND {same} AND ({changed} OR t._deleted_at IS NOT NULL)
"""
_INSERT = """
INSERT INTO {table} ({columns}, {constants}) SELECT {columns}, {values} FROM {stage} AS s
WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE t._connector_id = {connector} AND {same})
"""
# For few rows into many, looking each up in the primary key beats reading the whole table, which planners misjudge for wide rows.
_FEW = "SELECT 4 * pg_relation_size('pg_temp.ipai_stage') < pg_relation_size(to_regclass(%s))"
_LOOK_UP = "SET LOCAL enable_hashjoin = {0}; SET LOCAL enable_mergejoin = {0}; SET LOCAL enable_seqscan = {0}"
_TOMBSTONES = """
UPDATE {table} AS t SET _deleted_at = %s, _run_id = %s WHERE t._connector_id = %s AND t._deleted_at IS NULL
AND NOT EXISTS (SELECT FROM {seen} AS s WHERE {same})
"""


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows the database inserted, updated and left; ``distinct`` keys in all."""

    distinct: int
    written: int
    updated: int

    @property
    def unchanged(self) -> int:
        """Rows that were there already, equal in every data column."""
        return self.distinct - self.written - self.updated


def make_stage(cursor: psycopg.Cursor[Any], stage: sql.Identifier, columns: Mapping[str, str]) -> None:
    """An empty temporary table with these columns, gone at the end of the transaction."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(stage))
    parts = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items()]
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(stage, sql.SQL(", ").join(parts)))


def merge(
    cursor: psycopg.Cursor[Any],
    table: Table,
    key: Sequence[str],
    data: Sequence[str],
    extra: Sequence[str],
    constants: Mapping[str, Constant],
    rows: int,
) -> Merged:
    """Merge the stage of so many ``rows`` into the table, the last of equal keys.

    ``data`` columns decide whether a row changed; ``extra`` ones (``_row``) go along.
    """
    names = [*data, *extra]
    compared = [name for name in data if name not in key] or list(key)
    parts = {
        "stage": STAGE,
        "table": table.identifier,
        "connector": sql.Literal(constants["_connector_id"]),
        "same": sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in key),
        "columns": _list(names),
        "constants": _list(constants),
        "values": sql.SQL(", ").join(map(sql.Literal, constants.values())),
        "assignments": sql.SQL(", ").join(_assignments(names, key, constants)),
        "changed": sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(_list(compared, "t"), _list(compared, "s")),
    }
    distinct = rows - _keep_last(cursor, key)
    cursor.execute(sql.SQL("ANALYZE {} ({})").format(STAGE, _list(key)))
    few = cursor.execute(_FEW, [table.identifier.as_string(cursor)]).fetchone()
    if few and few[0]:
        cursor.execute(sql.SQL(_LOOK_UP).format(sql.SQL("off")))
    updated = cursor.execute(sql.SQL(_UPDATE).format(**parts)).rowcount
    written = cursor.execute(sql.SQL(_INSERT).format(**parts)).rowcount
    cursor.execute(sql.SQL(_LOOK_UP).format(sql.SQL("DEFAULT")))
    return Merged(distinct, written, updated)


def _assignments(names: Sequence[str], key: Sequence[str], constants: Mapping[str, Constant]) -> list[sql.Composed]:
    staged = [sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in names if name not in key]
    fixed = [(name, value) for name, value in constants.items() if name != "_connector_id"]
    return staged + [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in fixed]


def _keep_last(cursor: psycopg.Cursor[Any], key: Sequence[str]) -> int:
    """Delete rows of the stage that a later one with the same key makes void; how many."""
    row = cursor.execute(sql.SQL(_REPEATED).format(stage=STAGE, key=_list(key))).fetchone()
    assert row is not None
    if not row[0]:
        return 0
    cursor.execute(sql.SQL("ANALYZE {} ({})").format(STAGE, _list(key)))
    same = sql.SQL(" AND ").join(sql.SQL("s.{0} = last.{0}").format(sql.Identifier(name)) for name in key)
    cursor.execute(sql.SQL(_KEEP_LAST).format(stage=STAGE, key=_list(key), same=same))
    return cursor.rowcount


def tombstone(cursor: psycopg.Cursor[Any], table: Table, key: Sequence[str], constants: Mapping[str, Constant]) -> int:
    """Mark rows whose key is not among the seen as deleted; how many."""
    same = sql.SQL(" AND ").join(sql.SQL("s.{0} = t.{0}").format(sql.Identifier(name)) for name in key)
    cursor.execute(
        sql.SQL(_TOMBSTONES).format(table=table.identifier, seen=SEEN, same=same),
        [constants["_loaded_at"], constants["_run_id"], constants["_connector_id"]],
    )
    return cursor.rowcount


def _list(names: Sequence[str] | Mapping[str, Any], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*([prefix] if prefix else []), name) for name in names)
