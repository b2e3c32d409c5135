"""rlsaudit finds each flaw that is planted, and nothing in a database as the migrations leave it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ipai.lakehouse.audit import run_audit
from ipai.lakehouse.tables import protect

pytestmark = [pytest.mark.outside, pytest.mark.pooler]


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def bronze(name: str = "orders", *, protected: bool = True) -> str:
    sql(f"CREATE TABLE ipai_bronze_core.{name} (_tenant_id uuid NOT NULL, id bigint NOT NULL, PRIMARY KEY (_tenant_id, id))")
    if protected:
        with connection.cursor() as cursor:
            protect(cursor.cursor, "ipai_bronze_core", name)
    return f"ipai_bronze_core.{name}"


def problems(thing: str, level: str = "error") -> list[str]:
    """What the audit says of one object; whatever else it finds is a false alarm."""
    audit = run_audit()
    assert {finding.object for finding in audit.findings} <= {thing}, audit.findings
    assert all(finding.repair for finding in audit.findings)
    return [finding.problem for finding in audit.findings if finding.level == level]


def test_a_database_as_migrated_is_clean_and_a_protected_table_stays_so(db: None) -> None:
    bronze()
    audit = run_audit()
    assert audit.findings == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT c.oid) FROM pg_class AS c JOIN pg_policy AS p ON p.polrelid = c.oid"
            " WHERE c.relkind = 'r' AND has_table_privilege('ipai_user', c.oid, 'SELECT')"
        )
        assert cursor.fetchone() == (audit.checked["tables probed"],)
    sql("INSERT INTO ipai_bronze_core.orders SELECT id, 1 FROM ipai_tenant")
    assert run_audit().ok


def test_it_leaves_nothing_behind(db: None) -> None:
    count = "SELECT (SELECT count(*) FROM ipai_tenant), (SELECT count(*) FROM ipai_connector_run), to_regnamespace('ipai_probe')"
    with connection.cursor() as cursor:
        cursor.execute(count)
        before = cursor.fetchone()
        run_audit()
        cursor.execute(count)
        assert cursor.fetchone() == before
        cursor.execute("SELECT current_user = session_user, coalesce(current_setting('request.jwt.claims', true), '')")
        assert cursor.fetchone() == (True, "")


def test_a_table_without_row_level_security(db: None) -> None:
    bronze(protected=False)
    assert problems("ipai_bronze_core.orders") == ["row level security is off"]
    sql("DROP TABLE ipai_bronze_core.orders", "CREATE TABLE public.new_model (id int)")
    assert problems("public.new_model") == ["row level security is off"]


def test_row_level_security_switched_off_lets_the_probe_see_both_tenants(db: None) -> None:
    sql(f"ALTER TABLE {bronze()} DISABLE ROW LEVEL SECURITY")
    found = problems("ipai_bronze_core.orders")
    assert "row level security is off" in found
    assert "data_engineer reads rows of another tenant" in found
    assert "a caller without claims reads rows of another tenant" in found


def test_a_policy_that_is_true(db: None) -> None:
    sql(f"CREATE POLICY open ON {bronze()} FOR SELECT TO ipai_user USING (true)")
    assert "policy open lets everybody see every row" in problems("ipai_bronze_core.orders")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(SELECT ipai_auth.can_read('bronze_core'))", "data_engineer reads rows of another tenant"),
        ("_tenant_id = (SELECT ipai_auth.tenant_id())", "bi_developer reads rows that it may not read"),
        ("_tenant_id IS NOT NULL", "a caller without claims reads rows of another tenant"),
        (
            "_tenant_id = (SELECT ipai_auth.tenant_id()) OR current_setting('request.jwt.claims', true) LIKE '%user_metadata%'",
            "a caller with roles in user_metadata reads rows of another tenant",
        ),
        (
            "_tenant_id::text = current_setting('request.jwt.claims', true)::json -> 'app_metadata' ->> 'tenant_id'",
            "reading it as a caller with broken claims fails: invalid input syntax for type json",
        ),
        ("_tenant_id IS NULL AND (SELECT ipai_auth.can_read('bronze_core'))", "data_engineer reads rows of another tenant"),
    ],
)
def test_a_policy_that_lets_the_wrong_one_see(db: None, condition: str, expected: str) -> None:
    table = bronze()
    sql(f"DROP POLICY tenant_and_layer ON {table}", f"CREATE POLICY wrong ON {table} FOR SELECT TO ipai_user USING ({condition})")
    assert expected in problems(table)


def test_a_leak_in_a_control_plane_policy_that_goes_through_the_connector(db: None) -> None:
    sql("ALTER POLICY own_tenant ON public.ipai_run_log USING (EXISTS (SELECT FROM public.ipai_tenant AS t))")
    assert "operator reads rows of another tenant" in problems("public.ipai_run_log")


def test_a_policy_that_hides_rows_from_who_may_read_is_a_warning(db: None) -> None:
    table = bronze()
    sql(f"ALTER POLICY tenant_and_layer ON {table} USING (false)")
    assert "data_engineer may read it and sees nothing" in problems(table, "warning")
    assert run_audit().ok


def test_a_policy_evaluated_for_every_row_is_a_warning(db: None) -> None:
    table = bronze()
    sql(
        f"ALTER POLICY tenant_and_layer ON {table} USING (_tenant_id = ipai_auth.tenant_id() AND ipai_auth.can_read('bronze_core'))"
    )
    assert problems(table, "warning") == ["policy tenant_and_layer calls a function for every row"]


def test_a_readable_table_without_a_tenant_is_a_warning(db: None) -> None:
    sql(
        "CREATE TABLE ipai_gold_core.currencies (code text)",
        "ALTER TABLE ipai_gold_core.currencies ENABLE ROW LEVEL SECURITY",
        "GRANT SELECT ON ipai_gold_core.currencies TO ipai_user",
    )
    assert problems("ipai_gold_core.currencies", "warning") == ["ipai_user reads it, and nothing says whose rows they are"]


def test_views(db: None) -> None:
    table = bronze()
    sql(f"CREATE VIEW ipai_gold_core.orders WITH (security_invoker = on) AS SELECT * FROM {table}")
    assert run_audit().findings == []
    sql("ALTER VIEW ipai_gold_core.orders SET (security_invoker = false)")
    assert problems("ipai_gold_core.orders") == ["the view reads with its owner's rights, past row level security"]
    sql("DROP VIEW ipai_gold_core.orders", f"CREATE MATERIALIZED VIEW ipai_gold_core.orders AS SELECT * FROM {table}")
    assert run_audit().findings == []
    sql("GRANT SELECT ON ipai_gold_core.orders TO ipai_user")
    assert problems("ipai_gold_core.orders") == [
        "ipai_user reads a materialized view or foreign table, which has no row level security"
    ]


def test_definer_functions(db: None) -> None:
    sql("CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.ipai_secret'")
    assert problems("peek()") == [
        "anybody may execute the SECURITY DEFINER function",
        "the SECURITY DEFINER function takes its search_path from the caller",
    ]
    sql("REVOKE ALL ON FUNCTION public.peek() FROM PUBLIC", "ALTER FUNCTION public.peek() SET search_path = pg_catalog")
    assert run_audit().findings == []


@pytest.mark.parametrize(
    ("grant", "thing", "problem"),
    [
        ("SELECT ON public.ipai_secret TO PUBLIC", "public.ipai_secret", "PUBLIC holds rights on it"),
        ("SELECT (name) ON public.ipai_secret TO PUBLIC", "public.ipai_secret", "PUBLIC holds rights on it"),
        ("SELECT ON public.ipai_account TO anon", "public.ipai_account", "anon holds rights on it"),
        ("INSERT ON public.ipai_run_log TO ipai_user", "public.ipai_run_log", "ipai_user, which only reads, has INSERT on it"),
        (
            "DELETE ON public.ipai_audit_log TO ipai_test_role",
            "public.ipai_audit_log",
            "ipai_test_role has DELETE on the audit log",
        ),
        ("USAGE ON SCHEMA ipai_gold_erp TO PUBLIC", "ipai_gold_erp", "PUBLIC has USAGE on the schema"),
        ("CREATE ON SCHEMA public TO PUBLIC", "public", "PUBLIC has CREATE on the schema"),
        ("ipai_test_role TO ipai_user", "ipai_user", "the reading role is a member of ipai_test_role and can take on its rights"),
    ],
)
def test_grants(db: None, grant: str, thing: str, problem: str) -> None:
    sql(
        "DO $$ BEGIN IF to_regrole('anon') IS NULL THEN CREATE ROLE anon; END IF; END $$",
        "CREATE ROLE ipai_test_role",
        f"GRANT {grant}",
    )
    assert problem in problems(thing)


def test_default_privileges_are_a_warning(db: None) -> None:
    sql("ALTER DEFAULT PRIVILEGES IN SCHEMA ipai_bronze_core GRANT SELECT ON TABLES TO ipai_user")
    assert problems("ipai_bronze_core", "warning") == [
        "tables that ipai_user is not meant to reach will be granted to it when they are made"
    ]


def test_a_reading_role_that_can_log_in(db: None) -> None:
    sql("ALTER ROLE ipai_user LOGIN")
    assert problems("ipai_user") == ["the reading role has LOGIN"]


def test_another_owner_and_a_member_of_the_owner(db: None) -> None:
    sql("CREATE ROLE ipai_test_login LOGIN", "GRANT ipai_test_login TO CURRENT_USER")
    with connection.cursor() as cursor:
        cursor.execute("GRANT CREATE ON SCHEMA ipai_bronze_core TO ipai_test_login")
        cursor.execute(f"ALTER TABLE {bronze()} OWNER TO ipai_test_login")
    audit = run_audit()
    assert ("ipai_bronze_core.orders", "it belongs to ipai_test_login, who is not held by row level security on it") in [
        (finding.object, finding.problem) for finding in audit.findings if finding.level == "error"
    ]


FUNCTION = "ipai_auth.refuse_audit_change()"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("DROP TRIGGER audit_log_append_only ON ipai_audit_log", "missing"),
        ("ALTER TABLE ipai_audit_log DISABLE TRIGGER audit_log_append_only", "disabled or altered"),
        ("ALTER TABLE ipai_audit_log ENABLE TRIGGER audit_log_append_only", "disabled or altered"),
        (
            "CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON ipai_audit_log"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION};"
            " ALTER TABLE ipai_audit_log ENABLE ALWAYS TRIGGER audit_log_append_only",
            "disabled or altered",
        ),
        (
            "CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OF actor OR DELETE OR TRUNCATE ON ipai_audit_log"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION};"
            " ALTER TABLE ipai_audit_log ENABLE ALWAYS TRIGGER audit_log_append_only",
            "disabled or altered",
        ),
        (
            "CREATE OR REPLACE FUNCTION ipai_auth.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NULL; END $$",
            "function of the trigger that refuses changes was altered",
        ),
    ],
)
def test_the_audit_logs_trigger(db: None, damage: str, problem: str) -> None:
    sql(damage)
    (found,) = problems("public.ipai_audit_log")
    assert problem in found


def test_a_database_that_was_not_migrated(db: None) -> None:
    sql("DROP SCHEMA ipai_gold_core")
    assert problems("schema ipai_gold_core") == ["it does not exist"]


def test_the_command_prints_findings_and_fails(db: None, capsys: Any) -> None:
    call_command("rlsaudit")
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    bronze(protected=False)
    with pytest.raises(CommandError, match="rlsaudit found 1 errors"):
        call_command("rlsaudit")
    assert "repair: ALTER TABLE ipai_bronze_core.orders ENABLE ROW LEVEL SECURITY" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("rlsaudit", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["findings"][0]["object"] == "ipai_bronze_core.orders"
