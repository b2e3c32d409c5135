"""public.run_connector(): a run is queued for those who may, for their own tenant's connectors."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import Error

from connectors.models import ConnectorRun
from ipai.lakehouse.tables import ROLES
from ipai.observability.models import AuditLog
from tests.ipai.lakehouse.conftest import Side, become, reader_of, values

pytestmark = [pytest.mark.outside, pytest.mark.pooler]

MAY = {"platform_admin", "data_engineer", "operator"}


def refusal(cursor: Any, *arguments: Any) -> tuple[str, str, str]:
    """(SQLSTATE, message, hint) of a call that must fail."""
    with pytest.raises(Error) as caught, transaction.atomic():
        cursor.execute(f"SELECT public.run_connector({', '.join(['%s'] * len(arguments))})", arguments)
    diagnostics = caught.value.__cause__.diag  # type: ignore[union-attr]
    return diagnostics.sqlstate, diagnostics.message_primary, diagnostics.message_hint or ""


def test_a_run_is_queued_as_the_caller_and_audited(north: Side) -> None:
    with reader_of(north, "operator") as cursor:
        (run_id,) = values(cursor, "SELECT public.run_connector(%s, 'full')", north.connector.name)
        cursor.execute("RESET ROLE")
        run = ConnectorRun.objects.get(pk=run_id)
        assert (run.connector_id, run.mode, run.trigger, run.status) == (north.connector.pk, "full", "api", "queued")
        assert (run.requested_by, run.metadata, run.only_streams, run.dispatched_at) == ("someone", {}, [], None)
        event = AuditLog.objects.latest("id")
        assert (event.tenant_id, event.actor, event.action, event.details["run_id"]) == (
            north.tenant.pk,
            "someone",
            "run",
            str(run_id),
        )


def test_the_mode_is_incremental_unless_told(north: Side) -> None:
    with reader_of(north, "data_engineer") as cursor:
        (run_id,) = values(cursor, "SELECT public.run_connector(connector => %s)", north.connector.name)
        assert values(cursor, "SELECT mode FROM public.ipai_connector_run WHERE id = %s", run_id) == ["incremental"]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_or_may_not(north: Side, role: str) -> None:
    with reader_of(north, role) as cursor:
        if role in MAY:
            assert isinstance(values(cursor, "SELECT public.run_connector(%s)", north.connector.name)[0], uuid.UUID)
        else:
            assert refusal(cursor, north.connector.name)[0] == "42501"


@pytest.mark.parametrize(
    "claims",
    [
        None,
        "{",
        {"app_metadata": {"ipai_roles": ["platform_admin"]}},
        {"app_metadata": {"tenant": "no-such", "ipai_roles": ["platform_admin"]}},
        {"user_metadata": {"tenant": "default", "ipai_roles": ["platform_admin"]}},
    ],
)
def test_nobody_in_particular_may_not(north: Side, claims: Any) -> None:
    with become(claims) as cursor:
        assert refusal(cursor, north.connector.name)[0] == "42501"


def test_another_tenants_connector_is_answered_like_a_missing_one(north: Side, south: Side) -> None:
    with reader_of(north, "platform_admin") as cursor:
        theirs, missing = refusal(cursor, south.connector.name), refusal(cursor, "missing")
    assert theirs == ("PT404", f"no connector named '{south.connector.name}'", missing[2])
    assert missing[:2] == ("PT404", "no connector named 'missing'")


def test_a_second_call_names_the_open_run(north: Side) -> None:
    with reader_of(north, "operator") as cursor:
        (run_id,) = values(cursor, "SELECT public.run_connector(%s)", north.connector.name)
        state, message, hint = refusal(cursor, north.connector.name)
    assert (state, message) == ("PT409", f"connector '{north.connector.name}' is already running")
    assert str(run_id) in hint


def test_a_paused_connector_and_a_wrong_mode_are_refused(north: Side) -> None:
    with reader_of(north, "operator") as cursor:
        assert refusal(cursor, north.connector.name, "everything")[:2] == (
            "22023",
            "mode is full or incremental, not 'everything'",
        )
        assert refusal(cursor, north.connector.name, None)[0] == "22023"
        assert refusal(cursor, None)[:2] == ("PT404", "no connector named null")
    north.connector.is_enabled = False
    north.connector.save()
    with reader_of(north, "operator") as cursor:
        assert refusal(cursor, north.connector.name)[:2] == ("PT409", f"connector '{north.connector.name}' is paused")


def test_only_readers_may_call_it(db: None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE ROLE ipai_test_stranger")
        for function in ("public.run_connector(text, text)", "ipai_auth.tenant_id()", "ipai_auth.claims()"):
            assert values(cursor, "SELECT has_function_privilege('ipai_test_stranger', %s, 'EXECUTE')", function) == [False]
            assert values(cursor, "SELECT has_function_privilege('ipai_user', %s, 'EXECUTE')", function) == [True]
        transaction.set_rollback(True)
