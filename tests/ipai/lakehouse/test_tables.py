"""protect(): a bronze table is read by its tenant and by the roles of its layer, and by nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from ipai.lakehouse.tables import LAYERS, ROLES, protect, readers
from tests.ipai.lakehouse.conftest import Side, become, reader_of, values

ODD = 'Ünï "codé"; table'


def make(schema: str, table: str, *owners: Any) -> str:
    name = connection.ops.quote_name(schema) + '."' + table.replace('"', '""') + '"'
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (_tenant_id uuid, value int)")
        for owner in owners:
            cursor.execute(f"INSERT INTO {name} SELECT %s, i FROM generate_series(1, 3) AS i", [owner])
        protect(cursor.cursor, schema, table)
    return name


@pytest.mark.parametrize("schema", list(LAYERS))
def test_rows_are_read_by_their_tenant_and_the_roles_of_the_layer(north: Side, south: Side, schema: str) -> None:
    name = make(schema, ODD, north.tenant.pk, south.tenant.pk, None)
    for role in ROLES:
        with reader_of(north, role) as cursor:
            seen = values(cursor, f"SELECT DISTINCT _tenant_id FROM {name}")
            assert seen == ([north.tenant.pk] if role in readers(schema) else [])
    with become(None) as cursor:
        assert values(cursor, f"SELECT count(*) FROM {name}") == [0]


def test_the_reader_may_not_write(north: Side) -> None:
    from django.db.utils import ProgrammingError

    name = make("ipai_bronze_core", "orders", north.tenant.pk)
    for statement in (f"DELETE FROM {name}", f"INSERT INTO {name} VALUES (NULL, 1)", f"TRUNCATE {name}", f"DROP TABLE {name}"):
        with (
            reader_of(north, "platform_admin") as cursor,
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        ):
            cursor.execute(statement)


def locks_and_policies(cursor: Any) -> tuple[list[Any], list[Any]]:
    policies = values(cursor, "SELECT oid FROM pg_policy WHERE polname = 'tenant_and_layer'")
    return policies, values(cursor, "SELECT relrowsecurity FROM pg_class WHERE oid = 'ipai_bronze_core.orders'::regclass")


def test_protecting_again_changes_nothing_and_repairs_what_was_undone(db: None) -> None:
    make("ipai_bronze_core", "orders")
    with connection.cursor() as cursor:
        first = locks_and_policies(cursor)
        protect(cursor.cursor, "ipai_bronze_core", "orders")
        assert locks_and_policies(cursor) == first
        for damage in (
            "ALTER TABLE ipai_bronze_core.orders DISABLE ROW LEVEL SECURITY",
            "REVOKE SELECT ON ipai_bronze_core.orders FROM ipai_user",
            "GRANT SELECT ON ipai_bronze_core.orders TO PUBLIC",
            "ALTER POLICY tenant_and_layer ON ipai_bronze_core.orders USING (true)",
            "DROP POLICY tenant_and_layer ON ipai_bronze_core.orders",
        ):
            cursor.execute(damage)
            protect(cursor.cursor, "ipai_bronze_core", "orders")
            cursor.execute(
                "SELECT relrowsecurity, has_table_privilege('ipai_user', oid, 'SELECT'),"
                " EXISTS (SELECT FROM aclexplode(relacl) AS acl WHERE acl.grantee = 0),"
                " (SELECT pg_get_expr(polqual, polrelid) ~ 'can_read' FROM pg_policy WHERE polrelid = pg_class.oid)"
                " FROM pg_class WHERE oid = 'ipai_bronze_core.orders'::regclass"
            )
            assert cursor.fetchone() == (True, True, False, True), damage


def test_the_policy_is_evaluated_once_per_statement(north: Side) -> None:
    name = make("ipai_bronze_core", "orders", north.tenant.pk)
    with reader_of(north, "data_engineer") as cursor:
        plan = "\n".join(values(cursor, f"EXPLAIN (VERBOSE) SELECT * FROM {name}"))
    calls = [line.strip() for line in plan.splitlines() if "ipai_auth" in line]
    assert calls
    assert all(line.startswith("Output:") for line in calls), plan  # the outputs of init plans, never a filter
    assert "SubPlan" not in plan


def test_tables_elsewhere_are_refused(db: None) -> None:
    with connection.cursor() as cursor, pytest.raises(ValueError, match="public is not a medallion schema"):
        protect(cursor.cursor, "public", "ipai_tenant")
