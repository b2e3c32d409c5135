"""Who is asking: claims in any shape, and which role reads which layer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from ipai.access.models import Role
from ipai.lakehouse.tables import LAYERS, ROLES, readers
from tests.ipai.lakehouse.conftest import Side, become, reader_of, values

pytestmark = [pytest.mark.outside, pytest.mark.pooler]

WHO = "SELECT ipai_auth.tenant_id(), ipai_auth.has_role(%s), ipai_auth.can_read('bronze_core'), ipai_auth.is_platform_admin()"
NOBODY = (None, False, False, False)


@pytest.mark.parametrize(
    "claims",
    [
        None,
        "",
        "{",
        "null",
        "[]",
        '"platform_admin"',
        "{}",
        '{"app_metadata": null}',
        '{"app_metadata": "platform_admin"}',
        '{"app_metadata": {"tenant": null, "ipai_roles": null}}',
        '{"app_metadata": {"tenant": ["default"], "ipai_roles": "platform_admin"}}',
        '{"app_metadata": {"ipai_roles": {"platform_admin": true}}}',
        '{"app_metadata": {"ipai_roles": [["platform_admin"]]}}',
        '{"user_metadata": {"tenant": "default", "ipai_roles": ["platform_admin"]}, "ipai_roles": ["platform_admin"]}',
        '{"a": "\\u0000"}',
        "[" * 8000,
        json.dumps({"app_metadata": {"tenant": "default", "ipai_roles": ["platform_admin"]}, "pad": "x" * 70_000}),
    ],
)
def test_claims_that_say_nothing_are_nobody_and_never_an_error(db: None, claims: str | None) -> None:
    with become(claims) as cursor:
        cursor.execute(WHO, [list(ROLES)])
        assert cursor.fetchone() == NOBODY


def test_the_tenant_is_the_one_in_app_metadata(north: Side, south: Side) -> None:
    with reader_of(north) as cursor:
        assert values(cursor, "SELECT ipai_auth.tenant_id()") == [north.tenant.pk]
    with become({"app_metadata": {"tenant": north.tenant.slug}, "user_metadata": {"tenant": south.tenant.slug}}) as cursor:
        assert values(cursor, "SELECT ipai_auth.tenant_id()") == [north.tenant.pk]
    with become({"app_metadata": {"tenant": "no-such-tenant"}}) as cursor:
        assert values(cursor, "SELECT ipai_auth.tenant_id()") == [None]


def test_the_roles_of_the_models_are_the_roles_of_the_database() -> None:
    assert tuple(Role.values) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reads_the_layers_of_the_contract(north: Side, role: str) -> None:
    with reader_of(north, role) as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE ipai_auth.can_read(name)",
            [[layer.name for layer in LAYERS.values()]],
        )
        read = {row[0] for row in cursor.fetchall()}
    assert read == {layer.name for schema, layer in LAYERS.items() if role in readers(schema)}


CONTRACT = {
    "platform_admin": set(LAYERS),
    "data_engineer": set(LAYERS),
    "analytics_engineer": {schema for schema in LAYERS if "_silver_" in schema or "_gold_" in schema},
    "bi_developer": {schema for schema in LAYERS if "_gold_" in schema or "_platinum_" in schema},
    "ai_engineer": {schema for schema in LAYERS if "_gold_" in schema or "_platinum_" in schema},
    "operator": {"ipai_gold_devops"},
    "auditor": {schema for schema in LAYERS if "_gold_" in schema},
}


def test_the_promised_matrix_is_the_contract() -> None:
    assert {role: {schema for schema in LAYERS if role in readers(schema)} for role in ROLES} == CONTRACT


@pytest.mark.parametrize("layer", ["", "public", "auth", "BRONZE_core", None])
def test_an_unknown_layer_is_nobodys(north: Side, layer: str | None) -> None:
    with reader_of(north, *ROLES) as cursor:
        assert values(cursor, "SELECT ipai_auth.can_read(%s)", layer) == [False]


def test_the_nine_schemas_have_comments_and_are_closed_to_public(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname ~ '^ipai_' AND obj_description(oid, 'pg_namespace') <> ''"
            " AND NOT EXISTS (SELECT FROM aclexplode(nspacl) AS acl WHERE acl.grantee = 0)"
        )
        assert {row[0] for row in cursor.fetchall()} == {*LAYERS, "ipai_auth"}


def test_the_reading_role_can_do_nothing_else(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = 'ipai_user'")
        assert cursor.fetchone() == (False, False, False, False)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE ipai_bronze_core.mine (id int)",
        "CREATE FUNCTION ipai_auth.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT * FROM public.ipai_secret",
        "SELECT * FROM public.ipai_account",
        "SELECT * FROM public.ipai_api_token",
        "SELECT * FROM public.django_session",
        "UPDATE public.ipai_connector_config SET is_enabled = false",
        "INSERT INTO public.ipai_run_log (run_id, stream, level, message) VALUES (gen_random_uuid(), '', 'INFO', 'x')",
        "ALTER TABLE public.ipai_connector_run DISABLE ROW LEVEL SECURITY",
    ],
)
def test_what_readers_may_not_do(north: Side, statement: str) -> None:
    from django.db.utils import ProgrammingError

    with reader_of(north, *ROLES) as cursor, pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        cursor.execute(statement)


OPERATING = {"platform_admin", "data_engineer", "operator", "auditor"}
SEEN_BY: list[tuple[str, str, set[str]]] = [
    ("ipai_tenant", "id", set(ROLES)),
    ("ipai_connector_config", "id", set(ROLES)),
    ("ipai_connector_run", "connector_id", set(ROLES)),
    ("ipai_connector_run_stream", "run_id", set(ROLES)),
    ("ipai_connector_state", "connector_id", OPERATING),
    ("ipai_loaded_part", "connector_id", OPERATING),
    ("ipai_run_log", "run_id", OPERATING),
    ("ipai_rejected_record", "run_id", {"platform_admin", "data_engineer"}),
    ("ipai_audit_log", "tenant_id", {"platform_admin", "auditor"}),
]


@pytest.mark.parametrize(("table", "key", "allowed"), SEEN_BY)
def test_control_plane_rows_are_seen_by_their_tenant_and_the_roles_for_it(
    north: Side, south: Side, table: str, key: str, allowed: set[str]
) -> None:
    mine: dict[str, Any] = {
        "id": north.tenant.pk,
        "tenant_id": north.tenant.pk,
        "connector_id": north.connector.pk,
        "run_id": north.run.pk,
    }
    mine |= {"id": north.connector.pk} if table == "ipai_connector_config" else {}
    for role in ROLES:
        with reader_of(north, role) as cursor:
            assert set(values(cursor, f"SELECT {key} FROM public.{table}")) == ({mine[key]} if role in allowed else set())
    with become(None) as cursor:
        assert values(cursor, f"SELECT {key} FROM public.{table}") == []
