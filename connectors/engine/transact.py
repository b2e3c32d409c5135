"""Transactions of the engine: how they begin, what they say when PostgreSQL refuses, what comes last before the commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import psycopg
from django.db import connection, transaction
from psycopg import sql
from psycopg.types.json import JsonbLoader

from connectors.engine import state, tables
from connectors.engine.context import Counts, StreamContext
from connectors.engine.errors import EngineError
from connectors.engine.tables import Cursor, Table


@contextmanager
def one_transaction() -> Iterator[Cursor]:
    """A transaction of Django's connection as psycopg's own cursor, which the models share.

    Its errors leave as Django's when the database is away, as one clear EngineError when it refused something.
    """
    try:
        with transaction.atomic():
            raw = connection.connection
            assert raw is not None
            with raw.cursor() as cursor:
                cursor.adapters.register_loader("jsonb", JsonbLoader)  # Django leaves jsonb as text to its own fields
                cursor.execute(f"SET LOCAL lock_timeout = '{tables.LOCK_TIMEOUT}'; SET LOCAL timezone = 'UTC'")
                yield cursor
    except (psycopg.errors.DiskFull, psycopg.errors.LockNotAvailable) as error:
        raise EngineError(_one_line(error)) from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        with connection.wrap_database_errors:
            raise error
    except psycopg.Error as error:
        raise EngineError(_one_line(error)) from None


def _one_line(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.NotNullViolation):  # the column may be another tenant's: its name is not said
        return "The table's key has a column that these records lack, nothing of them was loaded: choose another table name"
    diag = error.diag
    where = f" (column {diag.column_name})" if diag.column_name else ""
    return f"PostgreSQL refused the rows, nothing of them was loaded: {diag.message_primary or str(error).splitlines()[0]}{where}"


def total_up(context: StreamContext, cursor: Cursor, counts: Counts) -> None:
    """Add the counts of this transaction, check them, and hold the lease until the commit: the last thing before it."""
    total = copy(context.counts)
    total.add(counts)
    total.check()
    context.fence(cursor)
    context.counts, before = total, context.counts
    try:
        state.save_counts(cursor, context)
    except BaseException:
        context.counts = before
        raise


def delete_rows(cursor: Cursor, table: Table, condition: str, values: list[Any]) -> int:
    """Delete rows of the table; how many. ``condition`` is written in this module's callers, never by a person."""
    cursor.execute(sql.SQL("DELETE FROM {} WHERE ").format(table.identifier) + sql.SQL(condition), values)
    return cursor.rowcount
