"""Writing gold rows: statements of ``devops/sql``, and COPY of a repository's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from devops.gold.bronze import Repository

SQL = Path(__file__).resolve().parent.parent / "sql"
SCHEMA = "ipai_gold_devops"


@cache
def statement(name: str) -> str:
    """A statement of ``devops/sql``."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def own(repository: Repository) -> tuple[Any, ...]:
    """The first columns of every row."""
    return repository.tenant_id, repository.connector_id, repository.id


def clear(cursor: CursorWrapper, table: str, repository: Repository) -> None:
    """Delete a repository's rows."""
    cursor.execute(
        f"DELETE FROM {SCHEMA}.{table} WHERE _connector_id = %(connector)s AND repository_id = %(repository)s",  # noqa: S608
        repository.key,
    )


def copy_rows(cursor: CursorWrapper, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY rows that begin with tenant, connector and repository."""
    names = ("_tenant_id", "_connector_id", "repository_id", *columns)
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(SCHEMA, table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with cursor.copy(target) as copy:
        for row in rows:
            copy.write_row([value.replace("\0", "") if isinstance(value, str) else value for value in row])
