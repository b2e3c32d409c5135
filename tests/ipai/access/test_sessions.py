"""Governed sessions: the database decides, nothing is written, nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError, connection, transaction

from ipai.access import services, sessions
from ipai.access.sessions import AlreadyGoverned, Claims, claims_for, governed
from ipai.access.tokens import TokenPrincipal

ADMIN = Claims("a", "default", ("platform_admin",))
STATE = """SELECT current_user, coalesce(current_setting('request.jwt.claims', true), ''),
    current_setting('statement_timeout'), current_setting('transaction_read_only')"""


def state(cursor: Any) -> tuple[str, ...]:
    cursor.execute(STATE)
    return cursor.fetchone()


def owner_state() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        return state(cursor)


@pytest.mark.django_db(transaction=True)
def test_inside_and_after() -> None:
    before = owner_state()
    with governed(ADMIN) as cursor:
        inside = state(cursor)
        assert (inside[0], inside[2], inside[3]) == ("ipai_user", "15s", "on")
        assert '"platform_admin"' in inside[1]
    assert owner_state() == before


@pytest.mark.django_db
def test_inside_a_transaction_of_the_caller(tenant: Any) -> None:
    before = owner_state()
    with transaction.atomic():
        services.create_tenant("kept", actor_name="tester")
        with governed(ADMIN) as cursor:
            assert state(cursor)[0] == "ipai_user"
        assert owner_state() == before
        services.create_tenant("too", actor_name="tester")  # writing works again


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("crash", ["error", "statement"])
def test_after_an_error(crash: str) -> None:
    before = owner_state()

    def fail() -> None:
        with governed(ADMIN) as cursor:
            if crash == "error":
                raise RuntimeError("stop")
            cursor.execute("SELECT 1/0")

    with pytest.raises((RuntimeError, DatabaseError)):
        fail()
    assert owner_state() == before
    with governed(ADMIN) as cursor:  # and the next one works
        assert state(cursor)[0] == "ipai_user"


@pytest.mark.django_db
def test_not_within_another() -> None:
    with governed(ADMIN), pytest.raises(AlreadyGoverned), governed(ADMIN):
        pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ipai_tenant (id, slug, name) VALUES (gen_random_uuid(), 'x', 'x')",
        "SELECT * FROM ipai_secret",
        "SELECT * FROM ipai_api_token",
        "SELECT * FROM ipai_account",
        "SELECT public.run_connector('orders')",
        "CREATE TEMP TABLE t (a int)",
        "SET TRANSACTION READ WRITE",
    ],
)
def test_what_is_refused(statement: str) -> None:
    with pytest.raises((ProgrammingError, DatabaseError)), governed(ADMIN) as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_long_statement_is_stopped(monkeypatch: Any) -> None:
    monkeypatch.setattr(sessions, "TIMEOUT_MS", 50)
    with pytest.raises(OperationalError, match="timeout"), governed(ADMIN) as cursor:
        cursor.execute("SELECT pg_sleep(5)")


@pytest.mark.django_db
def test_claims_of_people_and_programs(tenant: Any) -> None:
    person = services.create_person("ann", actor_name="tester", roles=["auditor", "operator"])
    assert claims_for(person) == Claims("ann", "default", ("auditor", "operator"))
    person.is_active = False
    assert claims_for(person).roles == ()
    token, _ = services.create_token(tenant=tenant, name="bi", roles=["bi_developer"], actor_name="tester")
    assert claims_for(TokenPrincipal(token)) == Claims("token bi", "default", ("bi_developer",))


@pytest.mark.django_db
def test_without_roles_nothing_is_seen(tenant: Any) -> None:
    with governed(Claims("x", "default")) as cursor:
        cursor.execute("SELECT count(*) FROM ipai_connector_config")
        assert cursor.fetchone() == (0,)
    with governed(Claims("x", "nobody", ("platform_admin",))) as cursor:
        cursor.execute("SELECT count(*) FROM ipai_tenant")
        assert cursor.fetchone() == (0,)
