"""Beside Supabase, whose API roles hold everything in public by default: the migrations take it from them."""

from __future__ import annotations

import pytest
from django.db import connection

from ipai.lakehouse.audit import run_audit
from ipai.lakehouse.sqlmigration import RunSQLFile
from tests.ipai.lakehouse.conftest import values

ROLES = ("anon", "authenticated", "service_role")
OURS = (
    ("lakehouse", "0003_control_plane_rls"),
    ("lakehouse", "0004_audit_log"),
    ("lakehouse", "0005_run_connector"),
    ("lakehouse", "0006_loaded_table"),
    ("connectors", "0003_stream_fields"),
    ("finance", "0004_reconciliation"),
)


@pytest.fixture
def supabase(db: None) -> None:
    """The roles and their default grants, then our last migrations as they run there. All undone with the test's transaction."""
    with connection.cursor() as cursor:
        for app, name in reversed(OURS):
            cursor.execute(RunSQLFile(name).sql(app, "down"))
        for role in ROLES:
            cursor.execute(f"DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role}; END IF; END $$")
        cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {', '.join(ROLES)}")
        cursor.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {', '.join(ROLES)}")
        cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {', '.join(ROLES)}")
        for app, name in OURS:
            cursor.execute(RunSQLFile(name).sql(app, "up"))


def test_the_api_roles_reach_none_of_our_tables(supabase: None) -> None:
    with connection.cursor() as cursor:
        for role in ("anon", "authenticated"):
            reached = (
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege"
            )
            assert values(cursor, f"{reached}(%s, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')", role) == []
        for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
            assert values(cursor, "SELECT has_table_privilege('service_role', 'public.ipai_audit_log', %s)", privilege) == [False]
    assert run_audit().ok


def test_only_people_who_logged_in_may_call_run_connector(supabase: None) -> None:
    with connection.cursor() as cursor:
        for role, may in (("anon", False), ("authenticated", True), ("ipai_user", True)):
            assert values(cursor, "SELECT has_function_privilege(%s, 'public.run_connector(text, text)', 'EXECUTE')", role) == [may]
