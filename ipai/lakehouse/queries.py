"""The catalog: what is in the medallion schemas, how fresh it is, where it came from and who may read it.

Structure and sizes are read as the owner; rows only in :func:`sample` and :func:`count_rows`, under the caller's rights.
``tenant_id`` narrows connectors, freshness and the list of tables to one tenant; None shows every tenant's (platform staff).
"""

from __future__ import annotations

import datetime
import json
from typing import Any, Protocol, TypedDict
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import LockNotAvailable

from ipai.lakehouse import catalog_sql
from ipai.lakehouse.tables import LAYERS, META_COLUMNS, ROLES, SCHEMAS

SAMPLE_LIMIT = 100
KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}


class Cursor(Protocol):
    """A cursor of Django or psycopg."""

    description: Any

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class LayerSummary(TypedDict):
    schema: str
    name: str
    level: str
    domain: str
    comment: str
    tables: int
    views: int
    row_estimate: int
    bytes: int


class TableSummary(TypedDict):
    """``row_estimate`` is None where the server has none yet; ``late`` is None where no connector feeds the table."""

    schema: str
    name: str
    layer: str
    kind: str
    comment: str
    columns: int
    row_estimate: int | None
    bytes: int
    connectors: list[str]
    last_loaded_at: datetime.datetime | None
    freshness_target_minutes: int | None
    late: bool | None


class Column(TypedDict):
    """``meta`` is true for the columns that say where a row came from; ``comment`` holds the original name if it differs."""

    name: str
    type: str
    nullable: bool
    default: str | None
    comment: str
    meta: bool


class Producer(TypedDict):
    """A stream that feeds the table, with its last run."""

    connector_id: UUID
    connector: str
    connector_type: str
    stream: str
    status: str
    run_id: UUID
    last_loaded_at: datetime.datetime | None
    rows_written: int


class TableDetail(TableSummary):
    column_list: list[Column]
    primary_key: list[str]
    indexes: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    readers: dict[str, bool]
    producers: list[Producer]
    upstream: list[str]
    downstream: list[str]
    edges: list[tuple[str, str]]


class TableBusy(Exception):
    """A load holds the table; the message says to come back."""


class UnknownTable(LookupError):
    """No such table in the medallion schemas; the message says which."""


def layers() -> list[LayerSummary]:
    """The medallion schemas in the order of the data's flow, with what is in them. ``row_estimate`` is the server's."""
    rows = _all(catalog_sql.LAYERS, [list(SCHEMAS), list(SCHEMAS)])
    return [
        LayerSummary(
            schema=schema,
            comment=comment,
            tables=tables,
            views=views,
            row_estimate=estimate,
            bytes=size,
            name=LAYERS[schema].name,
            level=LAYERS[schema].level,
            domain=LAYERS[schema].domain,
        )
        for schema, comment, tables, views, estimate, size in rows
    ]


def tables(
    schema: str | None = None, search: str | None = None, *, tenant_id: UUID | None = None, table: str | None = None
) -> list[TableSummary]:
    """Tables and views, of one schema or all; ``search`` looks in names, comments and columns, ``table`` takes one by name."""
    rows = _all(
        catalog_sql.TABLES,
        {
            "schemas": [schema] if schema in LAYERS else [] if schema else list(SCHEMAS),
            "order": list(SCHEMAS),
            "search": search or None,
            "table": table,
            "tenant": tenant_id,
        },
    )
    return [
        TableSummary(
            schema=home,
            name=name,
            layer=LAYERS[home].name,
            kind=KINDS[kind],
            comment=comment,
            columns=columns,
            row_estimate=estimate,
            bytes=size,
            connectors=list(connectors),
            last_loaded_at=loaded,
            freshness_target_minutes=target,
            late=late if connectors else None,
        )
        for home, name, kind, comment, columns, estimate, size, connectors, loaded, target, late in rows
    ]


def table_detail(schema: str, table: str, *, tenant_id: UUID | None = None) -> TableDetail:
    """Everything that is known of one table or view. Raises :class:`UnknownTable`; :class:`TableBusy` after two seconds.

    ``readers`` is the live database's answer for each role: grants, policies and layer rules of the table and of all that it
    reads. ``upstream`` and ``downstream`` go all the way; ``edges`` are (read, reader) pairs among them.
    """
    found = tables(schema, tenant_id=tenant_id, table=table)
    if not found:
        raise UnknownTable(f"no table {schema}.{table}")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            return _detail(found[0], sql.Identifier(schema, table).as_string(cursor.connection), tenant_id)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise TableBusy(f"{schema}.{table} is being changed by a load: look again when it has ended") from error


def sample(cursor: Cursor, schema: str, table: str, limit: int = 20) -> dict[str, list[Any]]:
    """``{"columns": [...], "rows": [[...]]}``: some rows (100 at most) that the cursor's governed session may read."""
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT {}").format(_known(schema, table), max(0, min(limit, SAMPLE_LIMIT))))
    return {"columns": [column[0] for column in cursor.description], "rows": [list(row) for row in cursor.fetchall()]}


def count_rows(cursor: Cursor, schema: str, table: str, limit: int = 1_000_000) -> tuple[int, bool]:
    """(rows that the cursor's session may read, whether that is all of them): counting stops at ``limit``."""
    cursor.execute(sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS counted").format(_known(schema, table), limit + 1))
    count = cursor.fetchone()[0]
    return min(count, limit), count <= limit


def _detail(summary: TableSummary, name: str, tenant_id: UUID | None) -> TableDetail:
    """``name`` is the quoted name of the table that ``summary`` is of."""
    title = f"{summary['schema']}.{summary['name']}"
    lineage = _all(catalog_sql.LINEAGE, {"table": name})
    upstream = sorted({source for direction, source, _ in lineage if direction == "up"})
    return TableDetail(
        **summary,
        column_list=[
            Column(name=column, type=kind, nullable=nullable, default=default, comment=comment, meta=column in META_COLUMNS)
            for column, kind, nullable, default, comment in _all(catalog_sql.COLUMNS, [name])
        ],
        primary_key=[row[0] for row in _all(catalog_sql.PRIMARY_KEY, [name])],
        indexes=[
            dict(zip(("name", "unique", "definition", "bytes"), row, strict=True)) for row in _all(catalog_sql.INDEXES, [name])
        ],
        policies=[
            dict(zip(("name", "command", "roles", "using", "check"), row, strict=True))
            for row in _all(catalog_sql.POLICIES, [name])
        ],
        readers=_readers([title, *upstream]),
        producers=_producers(title, tenant_id),
        upstream=upstream,
        downstream=sorted({target for direction, _, target in lineage if direction == "down"}),
        edges=[(source, target) for _, source, target in lineage],
    )


def _producers(target: str, tenant_id: UUID | None) -> list[Producer]:
    keys = ("connector_id", "connector", "connector_type", "stream", "status", "run_id", "last_loaded_at", "rows_written")
    rows = _all(catalog_sql.PRODUCERS, {"target": target, "tenant": tenant_id})
    return [Producer(**dict(zip(keys, row, strict=True))) for row in rows]  # type: ignore[typeddict-item]


def _readers(names: list[str]) -> dict[str, bool]:
    """For each role, whether the database lets it read all of these tables: asked with claims that hold only that role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(catalog_sql.REACHABLE, {"names": names})
        reachable = cursor.fetchone()[0]
        wanted = sorted({LAYERS[schema].name for schema in (name.split(".")[0] for name in names) if schema in LAYERS})
        answers = {}
        for role in ROLES:
            claims = json.dumps({"app_metadata": {"ipai_roles": [role]}})
            cursor.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
            cursor.execute("SELECT bool_and(ipai_auth.can_read(layer)) FROM unnest(%s::text[]) AS layer", [wanted])
            answers[role] = bool(reachable and cursor.fetchone()[0])
        transaction.set_rollback(True)  # the claims go with it
    return answers


def _known(schema: str, table: str) -> sql.Identifier:
    """The table's quoted name, if it lies in a medallion schema."""
    if schema not in LAYERS:
        raise UnknownTable(f"no table {schema}.{table}")
    return sql.Identifier(schema, table)


def _all(query: str, parameters: list[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
