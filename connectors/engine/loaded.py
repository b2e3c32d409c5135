"""What a stream's table holds, for a source that compares it with its own totals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from connectors.contract import Group, Key
from connectors.engine import tables
from connectors.engine.tables import Table
from connectors.engine.transact import one_transaction

_BROUGHT = """
SELECT columns FROM ipai_loaded_table JOIN ipai_connector_config AS connector USING (tenant_id)
WHERE target = %s AND connector.id = %s
"""
_ALL, _NOTHING = sql.SQL("TRUE"), sql.SQL("")


class LoadedRows:
    """:class:`connectors.contract.Loaded` by SQL on the connector's own rows. A table that is not there yet holds nothing."""

    def __init__(self, target: str, key: tuple[str, ...], connector_id: UUID) -> None:
        self._target, self._names, self._connector_id = target, key, connector_id
        self._key = sql.Identifier(key[0])

    def keys(self, after: int, upto: int | None) -> list[int]:
        """The keys above ``after`` up to and with ``upto``, in order."""
        condition = sql.SQL("{0} > {1} AND ({2}::bigint IS NULL OR {0} <= {2})").format(self._key, after, upto)
        return [key for (key,) in self._select(self._key, condition, sql.SQL("ORDER BY {}").format(self._key))]

    def values(self, columns: Sequence[str], keys: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """These columns of the rows that have one of these keys; NULL for a column that is not there."""
        return self._rows(columns, sql.SQL("{} = ANY ({})").format(self._key, list(keys)))

    def matching(self, columns: Sequence[str], values: Sequence[tuple[Any, ...]], before: datetime | None = None) -> list[Key]:
        """The keys of the rows where ``columns`` together have one of these values; ``before``: that were loaded before then."""
        table = self._table()
        if not table.exists or not values:
            return []
        condition, parameters = tables.among(table, columns, values)
        if before is not None:
            condition = sql.SQL("{} AND _loaded_at < {}").format(condition, before)
        found = self._select(sql.SQL(", ").join(map(sql.Identifier, self._names)), condition, parameters=parameters)
        return found if len(self._names) > 1 else [key for (key,) in found]

    def columns(self) -> set[str]:
        """The table's columns that this tenant's loads have brought values for."""
        table = self._table()
        with one_transaction() as cursor:
            row = cursor.execute(_BROUGHT, [self._target, self._connector_id]).fetchone()
        return set(row[0]) & table.columns.keys() if row else set()

    def now(self) -> datetime:
        """The database's clock."""
        with one_transaction() as cursor:
            row = cursor.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            moment: datetime = row[0]
            return moment

    def members(self, by: Sequence[str], group: Group, columns: Sequence[str]) -> dict[int, tuple[Any, ...]]:
        """The rows of one group by key."""
        table = self._table()
        same = [
            sql.SQL("{} IS NOT DISTINCT FROM {}").format(_term(name, table), value) for name, value in zip(by, group, strict=True)
        ]
        return self._rows(columns, sql.SQL(" AND ").join(same))

    def totals(self, by: Sequence[str], sums: Sequence[str]) -> dict[Group, tuple[Any, ...]]:
        """For each group the number of rows and the sum of each column."""
        table = self._table()
        terms = [_term(name, table) for name in by]
        wanted = [*terms, sql.SQL("count(*)")]
        wanted += [sql.SQL("coalesce(sum({}::numeric), 0)").format(_column(name, table)) for name in sums]
        tail = sql.SQL("GROUP BY {}").format(sql.SQL(", ").join(terms)) if terms else sql.SQL("")
        found = self._select(sql.SQL(", ").join(wanted), tail=tail)
        return {tuple(row[: len(by)]): tuple(row[len(by) :]) for row in found}

    def _rows(self, columns: Sequence[str], condition: sql.Composable) -> dict[int, tuple[Any, ...]]:
        table = self._table()
        wanted = sql.SQL(", ").join([self._key, *(_column(name, table) for name in columns)])
        return {row[0]: tuple(row[1:]) for row in self._select(wanted, condition)}

    def _table(self) -> Table:
        table = tables.target(self._target)
        with one_transaction() as cursor:
            table.read(cursor)
        return table

    def _select(
        self,
        wanted: sql.Composable,
        condition: sql.Composable = _ALL,
        tail: sql.Composable = _NOTHING,
        parameters: Sequence[Any] = (),
    ) -> list[tuple[Any, ...]]:
        table = tables.target(self._target)
        with one_transaction() as cursor:
            table.read(cursor)
            if not table.exists:
                return []
            statement = sql.SQL("SELECT {} FROM {} WHERE _connector_id = {} AND _deleted_at IS NULL AND {} {}")
            return cursor.execute(
                statement.format(wanted, table.identifier, self._connector_id, condition, tail), parameters or None
            ).fetchall()


def _column(name: str, table: Table) -> sql.Composable:
    there = name in table.columns or name == "_loaded_at"
    return sql.Identifier(name) if there else sql.SQL("NULL")


def _term(name: str, table: Table) -> sql.Composable:
    column, _, unit = name.partition(":")
    if unit != "month":
        return _column(column, table)
    return sql.SQL("date_trunc('month', {}::timestamp)::date").format(_column(column, table))
