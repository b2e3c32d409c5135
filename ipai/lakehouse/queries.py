"""The catalog: what is in the medallion schemas, how fresh it is, where it came from and who may read it.

Structure and sizes are read as the owner; rows only in :func:`sample` and :func:`count_rows`, under the caller's rights.
``tenant_id`` narrows connectors, freshness, tables and the columns of shared tables to one tenant; None shows every tenant's
(platform staff).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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


class TableSummary(TypedDict):
    """``row_estimate`` is None where the server has none yet, and like ``bytes`` where other tenants' rows count too; ``late``
    is None where no connector feeds the table.
    """

    schema: str
    name: str
    layer: str
    kind: str
    comment: str
    columns: int
    row_estimate: int | None
    bytes: int | None
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
    """The medallion schemas in the order of the data's flow."""
    return [
        LayerSummary(
            schema=schema, comment=comment, name=LAYERS[schema].name, level=LAYERS[schema].level, domain=LAYERS[schema].domain
        )
        for schema, comment in _all(catalog_sql.LAYERS, {"schemas": list(SCHEMAS)})
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
            "meta": list(META_COLUMNS),
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
    with _impatient(schema, table):
        return _detail(found[0], _quoted(schema, table), tenant_id)


def columns(schema: str, table: str, *, tenant_id: UUID | None = None) -> list[str]:
    """The names of the columns that may be shown. Raises :class:`UnknownTable`; :class:`TableBusy` after two seconds."""
    if not present([f"{schema}.{table}"], tenant_id=tenant_id):
        raise UnknownTable(f"no table {schema}.{table}")
    with _impatient(schema, table):
        return [column["name"] for column in _columns(schema, table, tenant_id)]


def present(names: Iterable[str], *, tenant_id: UUID | None = None) -> set[str]:
    """Those of these ``schema.table`` that are there to be shown."""
    found = {"names": list(names), "schemas": list(SCHEMAS), "tenant": tenant_id}
    return {name for (name,) in _all(catalog_sql.PRESENT, found)}


def sample(cursor: Cursor, schema: str, table: str, columns: Sequence[str], limit: int = 20) -> dict[str, list[Any]]:
    """``{"columns": [...], "rows": [[...]]}``: these columns of some rows (100 at most) that the cursor's session may read."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    most = max(0, min(limit, SAMPLE_LIMIT))
    cursor.execute(sql.SQL("SELECT {} FROM {} LIMIT {}").format(listed, _known(schema, table), most))
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
    seen = present({one for _, *ends in lineage for one in ends}, tenant_id=tenant_id)
    shown = _columns(summary["schema"], summary["name"], tenant_id)
    return TableDetail(
        **summary,
        column_list=shown,
        primary_key=[row[0] for row in _all(catalog_sql.PRIMARY_KEY, [name]) if row[0] in {column["name"] for column in shown}],
        policies=[
            dict(zip(("name", "command", "roles", "using", "check"), row, strict=True))
            for row in _all(catalog_sql.POLICIES, [name])
        ],
        readers=_readers([title, *upstream]),
        producers=_producers(title, tenant_id),
        upstream=[name for name in upstream if name in seen],
        downstream=sorted({target for direction, _, target in lineage if direction == "down" and target in seen}),
        edges=[(source, target) for _, source, target in lineage if {source, target} <= seen],
    )


def _columns(schema: str, table: str, tenant_id: UUID | None) -> list[Column]:
    """The columns that may be shown of a table that there is."""
    found = {"table": _quoted(schema, table), "target": f"{schema}.{table}", "tenant": tenant_id, "meta": list(META_COLUMNS)}
    return [
        Column(name=column, type=kind, nullable=nullable, default=default, comment=comment, meta=column in META_COLUMNS)
        for column, kind, nullable, default, comment in _all(catalog_sql.COLUMNS, found)
    ]


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


@contextmanager
def _impatient(schema: str, table: str) -> Iterator[None]:
    """Wait two seconds for a load that holds the table, then raise :class:`TableBusy`."""
    try:
        with transaction.atomic():
            _all("SET LOCAL lock_timeout = '2s'", [])
            yield
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise TableBusy(f"{schema}.{table} is being changed by a load: look again when it has ended") from error


def _quoted(schema: str, table: str) -> str:
    with connection.cursor() as cursor:
        return sql.Identifier(schema, table).as_string(cursor.connection)


def _known(schema: str, table: str) -> sql.Identifier:
    """The table's quoted name, if it lies in a medallion schema."""
    if schema not in LAYERS:
        raise UnknownTable(f"no table {schema}.{table}")
    return sql.Identifier(schema, table)


def _all(query: str, parameters: list[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall()) if cursor.description else []
