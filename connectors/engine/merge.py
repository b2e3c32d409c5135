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
_MERGE = """
WITH put AS (
       INSERT INTO {table} AS t ({columns}, {constants}) SELECT {columns}, {values} FROM {stage}
       ON CONFLICT (_connector_id, {key}) DO UPDATE SET {assignments}, _deleted_at = NULL
       WHERE {changed} OR t._deleted_at IS NOT NULL
       RETURNING xmax = 0 AS new
     )
SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM put
"""
_TOMBSTONES = """
UPDATE {table} AS t SET _deleted_at = %s, _run_id = %s WHERE t._connector_id = %s AND t._deleted_at IS NULL
AND NOT EXISTS (SELECT FROM {seen} AS s WHERE {same})
"""
_MARK = """
UPDATE {table} SET _deleted_at = %s, _run_id = %s WHERE _connector_id = %s AND _deleted_at IS NULL AND {key} = ANY (%s)
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
    assigned = [name for name in names if name not in key] + [name for name in constants if name != "_connector_id"]
    statement = sql.SQL(_MERGE).format(
        key=_list(key),
        stage=STAGE,
        table=table.identifier,
        columns=_list(names),
        constants=_list(constants),
        values=sql.SQL(", ").join(map(sql.Literal, constants.values())),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in assigned),
        changed=sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(
            _compared("t", compared, table.columns), _compared("excluded", compared, table.columns)
        ),
    )
    distinct = rows - _keep_last(cursor, key)
    row = cursor.execute(statement).fetchone()
    assert row is not None
    return Merged(distinct, *row)


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


def mark(cursor: psycopg.Cursor[Any], table: Table, key: str, keys: Sequence[int], constants: Mapping[str, Constant]) -> int:
    """Mark the rows of these keys as deleted; how many were not so before."""
    cursor.execute(
        sql.SQL(_MARK).format(table=table.identifier, key=sql.Identifier(key)),
        [constants["_loaded_at"], constants["_run_id"], constants["_connector_id"], list(keys)],
    )
    return cursor.rowcount


def _compared(row: str, names: Sequence[str], kinds: Mapping[str, str]) -> sql.Composed:
    """The columns as they must be equal: 1.5 and 1.50 are one number to PostgreSQL, but not the same value in the source."""
    forms = {"numeric": "{0}, scale({0})", "jsonb": "{0}::text"}
    return sql.SQL(", ").join(sql.SQL(forms.get(kinds.get(name, ""), "{0}")).format(sql.Identifier(row, name)) for name in names)


def _list(names: Sequence[str] | Mapping[str, Any], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*([prefix] if prefix else []), name) for name in names)
