"""The medallion layers, and what makes a table in them safe to read."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from psycopg import sql


class Layer(NamedTuple):
    """A medallion schema taken apart: ``ipai_bronze_core`` is name ``bronze_core``, level ``bronze``, domain ``core``."""

    name: str
    level: str
    domain: str


LEVELS = ("bronze", "silver", "gold", "platinum")
SCHEMAS = (
    "ipai_bronze_core",
    "ipai_silver_core",
    "ipai_gold_core",
    "ipai_platinum_core",
    "ipai_bronze_erp",
    "ipai_silver_erp",
    "ipai_gold_erp",
    "ipai_bronze_devops",
    "ipai_gold_devops",
)
LAYERS: dict[str, Layer] = {schema: Layer(schema.removeprefix("ipai_"), *schema.split("_")[1:]) for schema in SCHEMAS}
"""Schema -> layer, in the order in which data flows within each domain."""

ROLES = (
    "platform_admin",
    "data_engineer",
    "analytics_engineer",
    "bi_developer",
    "ai_engineer",
    "operator",
    "auditor",
)


def readers(schema: str) -> frozenset[str]:
    """The roles that may read a medallion schema, as the platform promises; rlsaudit holds the database to it."""
    every = {"platform_admin", "data_engineer"}
    by_level = {
        "bronze": every,
        "silver": every | {"analytics_engineer"},
        "gold": every | {"analytics_engineer", "bi_developer", "ai_engineer", "auditor"},
        "platinum": every | {"bi_developer", "ai_engineer"},
    }
    return frozenset(by_level[LAYERS[schema].level] | ({"operator"} if schema == "ipai_gold_devops" else set()))


READER = "ipai_user"
"""The role that people and programs take on to read."""
POLICY = "tenant_and_layer"

META_COLUMNS = ("_connector_id", "_tenant_id", "_run_id", "_loaded_at", "_deleted_at", "_raw", "_part", "_row")
"""Columns that say where a row came from; every other column of a bronze table is data."""

PROTECTION = """
SELECT c.relrowsecurity
       AND has_table_privilege(%(reader)s, c.oid, 'SELECT')
       AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS acl WHERE acl.grantee = 0)
       AND count(p.oid) = 1
       AND bool_and(
               p.polname = %(policy)s AND p.polcmd = 'r' AND p.polpermissive
               AND p.polroles = ARRAY[%(reader)s::regrole::oid]
               AND pg_get_expr(p.polqual, c.oid) = %(condition)s
           )
FROM pg_class AS c
LEFT JOIN pg_policy AS p ON p.polrelid = c.oid
WHERE c.oid = %(table)s::regclass
GROUP BY c.oid, c.relrowsecurity, c.relacl
"""


def protect(cursor: psycopg.Cursor[Any], schema: str, table: str) -> None:
    """Let ``ipai_user`` read its own tenant's rows of this table if its roles may read the layer, and nobody else.

    The table must have ``_tenant_id uuid`` and lie in one of :data:`LAYERS` (ValueError otherwise). Runs in the caller's
    transaction. Idempotent: a table that is protected already is not locked again.
    """
    if schema not in LAYERS:
        raise ValueError(f"{schema} is not a medallion schema")
    layer = LAYERS[schema].name
    name = sql.Identifier(schema, table)
    condition = (
        "((_tenant_id = ( SELECT ipai_auth.tenant_id() AS tenant_id))"
        f" AND ( SELECT ipai_auth.can_read('{layer}'::text) AS can_read))"
    )
    cursor.execute(PROTECTION, {"reader": READER, "policy": POLICY, "condition": condition, "table": name.as_string(cursor)})
    row = cursor.fetchone()
    if row is not None and row[0]:
        return
    for statement in (
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "DROP POLICY IF EXISTS {policy} ON {table}",
        "CREATE POLICY {policy} ON {table} FOR SELECT TO {reader} USING (_tenant_id = (SELECT ipai_auth.tenant_id())"
        " AND (SELECT ipai_auth.can_read({layer})))",
        "REVOKE ALL ON {table} FROM PUBLIC",
        "GRANT SELECT ON {table} TO {reader}",
    ):
        cursor.execute(
            sql.SQL(statement).format(
                table=name, policy=sql.Identifier(POLICY), reader=sql.Identifier(READER), layer=sql.Literal(layer)
            )
        )
