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

_MERGE = """
WITH last AS MATERIALIZED (SELECT DISTINCT ON ({key}) * FROM {stage} ORDER BY {key}, _row DESC),
     put AS (
       INSERT INTO {table} AS t ({columns}, {constants}) SELECT {columns}, {values} FROM last
       ON CONFLICT (_connector_id, {key}) DO UPDATE SET {assignments}, _deleted_at = NULL
       WHERE {changed} OR t._deleted_at IS NOT NULL
       RETURNING xmax = 0 AS new
     )
SELECT (SELECT count(*) FROM last), count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM put
"""
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
) -> Merged:
    """Merge the stage into the table. ``data`` columns decide whether a row changed; ``extra`` ones (``_row``) go along."""
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
        changed=sql.SQL("({}) IS DISTINCT FROM ({})").format(_list(compared, "t"), _list(compared, "excluded"))
        if len(compared) > 1
        else sql.SQL("t.{0} IS DISTINCT FROM excluded.{0}").format(sql.Identifier(compared[0])),
    )
    row = cursor.execute(statement).fetchone()
    assert row is not None
    return Merged(*row)


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
