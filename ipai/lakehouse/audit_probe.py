"""What really happens: rows of two made-up tenants, read as ipai_user with every kind of claims."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from ipai.lakehouse.findings import EXPOSED, Finding
from ipai.lakehouse.tables import LAYERS, ROLES, readers

# A table's rows belong to a tenant by the first of these columns that it has.
KEYS = ("_tenant_id", "tenant_id", "_connector_id", "connector_id", "run_id")
READABLE = """
SELECT c.oid, n.nspname, c.relname, c.relrowsecurity, array_agg(a.attname::text)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY(%s)
  AND has_any_column_privilege('ipai_user', c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
GROUP BY c.oid, n.nspname, c.relname, c.relrowsecurity
ORDER BY n.nspname, c.relname
"""
POLICIES = """
SELECT p.polname, p.polpermissive, p.polcmd,
       ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END FROM unnest(p.polroles) AS r),
       pg_get_expr(p.polqual, p.polrelid)
FROM pg_policy AS p WHERE p.polrelid = %s AND p.polcmd IN ('r', '*')
"""
REQUIRED = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute AS a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
"""
SCHEMA = "ipai_probe"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A made-up tenant with one connector and one run; ``ids`` is the value that each of :data:`KEYS` has in its rows."""

    slug: str
    ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    oid: int
    schema: str
    name: str
    secured: bool
    key: str | None

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}"


def probe_findings(cursor: CursorWrapper) -> tuple[int, list[Finding]]:
    """How many tables were probed, and what was seen that should not be (or not seen that should).

    Must run inside a transaction that the caller rolls back. Each readable table is cloned, with its policies, under its own
    name in another schema, so the probe neither locks nor fills the real one.
    """
    tenants = (_make_tenant(cursor), _make_tenant(cursor))
    cursor.execute(f"CREATE SCHEMA {SCHEMA}")
    cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO ipai_user")
    findings: list[Finding] = []
    tables = _tables(cursor)
    for table in tables:
        if table.key is None:
            repair = "add the tenant's column and a policy on it, or do not grant the table to ipai_user"
            findings.append(Finding("warning", table.title, "ipai_user reads it, and nothing says whose rows they are", repair))
            continue
        savepoint = transaction.savepoint()
        findings += _probe(cursor, table, *tenants)
        transaction.savepoint_rollback(savepoint)
    return sum(table.key is not None for table in tables), findings


def _tables(cursor: CursorWrapper) -> list[Table]:
    cursor.execute(READABLE, [list(EXPOSED)])
    tables = []
    for oid, schema, name, secured, columns in cursor.fetchall():
        key = "id" if (schema, name) == ("public", "ipai_tenant") else next((key for key in KEYS if key in columns), None)
        tables.append(Table(oid, schema, name, secured, key))
    return tables


def _make_tenant(cursor: CursorWrapper) -> Tenant:
    """A tenant with a connector and a run in the real tables: policies look there."""
    tenant, connector, run = (str(uuid.uuid4()) for _ in range(3))
    slug = f"probe-{tenant}"
    _insert(cursor, "ipai_tenant", {"id": tenant, "slug": slug})
    _insert(cursor, "ipai_connector_config", {"id": connector, "tenant_id": tenant, "name": slug})
    _insert(cursor, "ipai_connector_run", {"id": run, "connector_id": connector, "status": "success"})
    by_tenant = dict.fromkeys(("id", "_tenant_id", "tenant_id"), tenant)
    return Tenant(slug, by_tenant | dict.fromkeys(("_connector_id", "connector_id"), connector) | {"run_id": run})


def _insert(cursor: CursorWrapper, table: str, values: dict[str, str]) -> None:
    """A row with these values and something harmless in every other column that needs a value."""
    cursor.execute(REQUIRED, [f"public.{table}"])
    row: dict[str, Any] = {name: _filler(kind) for name, kind in cursor.fetchall()} | values
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier("public", table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() for _ in row),
        ),
        list(row.values()),
    )


def _filler(kind: str) -> str:
    if kind.endswith("[]") or kind in ("json", "jsonb"):
        return "{}"
    if kind.startswith(("timestamp", "date")):
        return "2000-01-01"
    if kind == "uuid":
        return str(uuid.uuid4())
    return "false" if kind == "boolean" else "0"


def _probe(cursor: CursorWrapper, table: Table, mine: Tenant, other: Tenant) -> Iterator[Finding]:
    """Read a clone of the table, holding a row of each tenant and one of nobody, with every kind of claims."""
    clone = _clone(cursor, table)
    key = table.key or ""
    insert = sql.SQL("INSERT INTO {} ({}) VALUES (%s)").format(clone, sql.Identifier(key))
    for owner in (mine.ids[key], other.ids[key], None):
        cursor.execute(insert, [owner])
    count = sql.SQL("SELECT count(*) FILTER (WHERE {0} = %s), count(*) FILTER (WHERE {0} IS DISTINCT FROM %s) FROM {1}").format(
        sql.Identifier(key), clone
    )
    medallion = table.schema in LAYERS
    for label, claims, expected in _claims(mine, table.schema):
        own, foreign, error = _count(cursor, count, claims, mine.ids[key])
        if error:
            yield Finding(
                "error", table.title, f"reading it as {label} fails: {error}", "repair the policy: bad claims see nothing"
            )
        if foreign:
            repair = "the policy must require _tenant_id (or tenant_id) = (SELECT ipai_auth.tenant_id())"
            yield Finding("error", table.title, f"{label} reads rows of another tenant", repair)
        if own and expected is False:
            repair = (
                f"the policy must require (SELECT ipai_auth.can_read('{LAYERS[table.schema].name}'))"
                if medallion
                else "repair the policy"
            )
            yield Finding("error", table.title, f"{label} reads rows that it may not read", repair)
        if not own and expected and not error:
            yield Finding("warning", table.title, f"{label} may read it and sees nothing", "repair the policy: tables.protect")


def _clone(cursor: CursorWrapper, table: Table) -> sql.Identifier:
    """An empty copy without constraints, with the same policies; SELECT is granted on all of it."""
    clone, source = sql.Identifier(SCHEMA, table.name), sql.Identifier(table.schema, table.name)
    cursor.execute(sql.SQL("CREATE TABLE {} AS TABLE {} WITH NO DATA").format(clone, source))
    cursor.execute(sql.SQL("GRANT SELECT ON {} TO ipai_user").format(clone))
    if table.secured:
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(clone))
    cursor.execute(POLICIES, [table.oid])
    for name, permissive, command, roles, condition in cursor.fetchall():
        cursor.execute(
            sql.SQL("CREATE POLICY {} ON {} AS {} FOR {} TO {} USING ({})").format(
                sql.Identifier(name),
                clone,
                sql.SQL("PERMISSIVE" if permissive else "RESTRICTIVE"),
                sql.SQL("SELECT" if command == "r" else "ALL"),
                sql.SQL(", ").join(sql.SQL("PUBLIC") if role == "public" else sql.SQL(role) for role in roles),
                sql.SQL(condition),
            )
        )
    return clone


def _claims(mine: Tenant, schema: str) -> Iterator[tuple[str, str | None, bool | None]]:
    """(who, claims, whether it must see its own row): None where only other tenants' rows matter."""
    for role in ROLES:
        claims = {"sub": "probe", "app_metadata": {"tenant": mine.slug, "ipai_roles": [role]}}
        yield role, json.dumps(claims), role in readers(schema) if schema in LAYERS else None
    forged = {"tenant": mine.slug, "ipai_roles": list(ROLES)}
    yield "a caller without claims", None, False
    yield "a caller with broken claims", "{", False
    yield "a caller with roles in user_metadata", json.dumps({"sub": "probe", "user_metadata": forged, **forged}), False
    nobody = {"sub": "probe", "app_metadata": {"tenant": mine.slug, "ipai_roles": []}}
    yield "a caller without roles", json.dumps(nobody), False if schema in LAYERS else None


def _count(cursor: CursorWrapper, query: sql.Composed, claims: str | None, mine: str) -> tuple[int, int, str]:
    """(rows of mine, rows of anybody else, error) as ipai_user with these claims."""
    savepoint = transaction.savepoint()
    try:
        cursor.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims or ""])
        cursor.execute("SET LOCAL ROLE ipai_user")
        cursor.execute(query, [mine, mine])
        own, foreign = cursor.fetchone()
        return own, foreign, ""
    except Error as error:
        return 0, 0, str(error).splitlines()[0]
    finally:
        connection.savepoint_rollback(savepoint)
