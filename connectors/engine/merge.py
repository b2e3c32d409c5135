"""Write mode merge: rows go to a temporary table, then new ones are inserted and changed ones updated, counted by the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from connectors.contract import Key
from connectors.engine import tables
from connectors.engine.encode import Constant
from connectors.engine.tables import Table

STAGE = sql.Identifier("ipai_stage")
SEEN = sql.Identifier("ipai_seen")

_REPEATED = "SELECT EXISTS (SELECT FROM {stage} GROUP BY {key} HAVING count(*) > 1)"
_KEEP_NEWEST = """
DELETE FROM {stage} AS s
USING (SELECT DISTINCT ON ({key}) {key}, _row FROM {stage} ORDER BY {key}, {version} _row DESC) AS newest
WHERE {same} AND s._row <> newest._row
"""
# Several loads may merge into one table at the same time: rows are locked in the order of their keys, so that they never wait
# for each other in a circle.
_MERGE = """
WITH put AS (
       INSERT INTO {table} AS t ({columns}, {constants}) SELECT {columns}, {values} FROM {stage} {order}
       ON CONFLICT (_connector_id, {key}) DO UPDATE SET {assignments}, _deleted_at = NULL
       WHERE ({changed} OR t._deleted_at IS NOT NULL) AND {not_older}
       RETURNING xmax = 0 AS new
     )
SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM put
"""
_TOMBSTONES = """
UPDATE {table} AS t SET _deleted_at = %s, _run_id = %s WHERE t._connector_id = %s AND t._deleted_at IS NULL
AND NOT EXISTS (SELECT FROM {seen} AS s WHERE {same})
"""
_MARK = """
UPDATE {table} SET _deleted_at = %s, _run_id = %s WHERE _connector_id = %s AND _deleted_at IS NULL AND {among}
"""


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows the database inserted, updated and left; ``distinct`` keys in all."""

    distinct: int
    written: int
    updated: int

    @property
    def unchanged(self) -> int:
        """Rows that were there already, equal in every data column or in a newer state."""
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
    version: Sequence[str] = (),
) -> Merged:
    """Merge the stage of so many ``rows`` into the table, of equal keys the newest by ``version``, else the last.

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
        not_older=_not_older(version),
        order=sql.SQL("ORDER BY {}").format(_list(key)) if version else sql.SQL(""),
    )
    distinct = rows - _keep_newest(cursor, key, version)
    row = cursor.execute(statement).fetchone()
    assert row is not None
    return Merged(distinct, *row)


def _not_older(version: Sequence[str]) -> sql.Composable:
    """Whether the new state is not older than the row's; states that cannot be compared count as newer."""
    if not version:
        return sql.SQL("TRUE")
    return sql.SQL("coalesce(ROW({}) <= ROW({}), TRUE)").format(_list(version, "t"), _list(version, "excluded"))


def _keep_newest(cursor: psycopg.Cursor[Any], key: Sequence[str], version: Sequence[str]) -> int:
    """Delete rows of the stage that a newer or later one with the same key makes void; how many."""
    row = cursor.execute(sql.SQL(_REPEATED).format(stage=STAGE, key=_list(key))).fetchone()
    assert row is not None
    if not row[0]:
        return 0
    cursor.execute(sql.SQL("ANALYZE {} ({})").format(STAGE, _list(key)))
    same = sql.SQL(" AND ").join(sql.SQL("s.{0} = newest.{0}").format(sql.Identifier(name)) for name in key)
    newest = sql.SQL("").join(sql.SQL("{} DESC NULLS LAST, ").format(sql.Identifier(name)) for name in version)
    cursor.execute(sql.SQL(_KEEP_NEWEST).format(stage=STAGE, key=_list(key), same=same, version=newest))
    return cursor.rowcount


def tombstone(cursor: psycopg.Cursor[Any], table: Table, key: Sequence[str], constants: Mapping[str, Constant]) -> int:
    """Mark rows whose key is not among the seen as deleted; how many."""
    same = sql.SQL(" AND ").join(sql.SQL("s.{0} = t.{0}").format(sql.Identifier(name)) for name in key)
    cursor.execute(
        sql.SQL(_TOMBSTONES).format(table=table.identifier, seen=SEEN, same=same),
        [constants["_loaded_at"], constants["_run_id"], constants["_connector_id"]],
    )
    return cursor.rowcount


def mark(
    cursor: psycopg.Cursor[Any], table: Table, key: Sequence[str], keys: Sequence[Key], constants: Mapping[str, Constant]
) -> int:
    """Mark the rows of these keys as deleted; how many were not so before."""
    values = [value if len(key) > 1 else (value,) for value in keys]
    among, parameters = tables.among(table, key, values)
    cursor.execute(
        sql.SQL(_MARK).format(table=table.identifier, among=among),
        [constants["_loaded_at"], constants["_run_id"], constants["_connector_id"], *parameters],
    )
    return cursor.rowcount


def _compared(row: str, names: Sequence[str], kinds: Mapping[str, str]) -> sql.Composed:
    """The columns as they must be equal: 1.5 and 1.50 are one number to PostgreSQL, but not the same value in the source."""
    forms = {"numeric": "{0}, scale({0})", "jsonb": "{0}::text"}
    return sql.SQL(", ").join(sql.SQL(forms.get(kinds.get(name, ""), "{0}")).format(sql.Identifier(row, name)) for name in names)


def _list(names: Sequence[str] | Mapping[str, Any], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*([prefix] if prefix else []), name) for name in names)
