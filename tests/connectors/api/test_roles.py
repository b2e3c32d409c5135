"""Every endpoint for every role: who may, who may not; other tenants' things do not exist."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from connectors.models import ConnectorConfig, ConnectorRun
from ipai.access.models import Role
from ipai.lakehouse.tables import protect

pytestmark = pytest.mark.django_db

EVERYBODY = set(Role.values)
OPERATES = {"platform_admin", "data_engineer", "operator"}
EDITS = {"platform_admin", "data_engineer"}
NEW = {"name": "new", "connector_type": "files", "config": {"url": "https://example.org/x.csv", "table": "fresh"}}

# method, path, body, who may
ENDPOINTS: list[tuple[str, str, Any, set[str]]] = [
    ("GET", "connectors/", None, EVERYBODY),
    ("GET", "connectors/orders/", None, EVERYBODY),
    ("POST", "connectors/", NEW, EDITS),
    ("PATCH", "connectors/orders/", {"schedule": "0 6 * * *"}, EDITS),
    ("DELETE", "connectors/orders/", None, EDITS),
    ("POST", "connectors/orders/check/", None, OPERATES),
    ("POST", "connectors/orders/enable/", None, OPERATES),
    ("POST", "connectors/orders/disable/", None, OPERATES),
    ("GET", "connector-runs/", None, EVERYBODY),
    ("GET", "connector-runs/{run}/", None, EVERYBODY),
    ("GET", "connector-runs/{run}/rejected/", None, EDITS),
    ("GET", "connector-runs/{run}/log/", None, OPERATES | {"auditor"}),
    ("POST", "connector-runs/{run}/cancel/", None, OPERATES),
    ("POST", "connector-runs/{run}/retry/", None, OPERATES),
    ("POST", "rpc/run_connector", {"connector": "orders", "mode": "full"}, OPERATES),
    ("GET", "source-types/", None, EVERYBODY),
    ("GET", "source-types/files/", None, EVERYBODY),
    ("GET", "catalog/", None, EVERYBODY),
    ("GET", "catalog/ipai_bronze_core/things/", None, EVERYBODY),
    ("GET", "catalog/ipai_bronze_core/things/sample/", None, EDITS),
    ("GET", "audit-log/", None, {"platform_admin", "auditor"}),
]


@pytest.fixture
def things(db: None, tenant: Any, other_tenant: Any) -> None:
    """A bronze table with one row of each tenant."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE ipai_bronze_core.things (_tenant_id uuid, id bigint, amount numeric)")
        protect(cursor, "ipai_bronze_core", "things")
        cursor.execute(
            "INSERT INTO ipai_bronze_core.things VALUES (%s, 1, 0.10), (%s, 2, 9007199254740993.5)", [tenant.pk, other_tenant.pk]
        )


@pytest.mark.parametrize(("method", "path", "body", "allowed"), ENDPOINTS, ids=[f"{m} {p}" for m, p, _, _ in ENDPOINTS])
def test_each_role(callers: Any, things: None, run: ConnectorRun, method: str, path: str, body: Any, allowed: set[str]) -> None:
    for role, caller in callers.items():
        before = ConnectorConfig.objects.count()
        with_undo = _savepoint()
        response = caller.call(method, path.format(run=run.pk), body)
        _rollback(with_undo)
        if role in allowed:
            assert response.status_code < 300 or response.status_code == 409, (role, response.content)
        else:
            assert response.status_code == 403, (role, response.status_code)
            assert ConnectorConfig.objects.count() == before


@pytest.mark.parametrize(("method", "path", "body", "allowed"), ENDPOINTS, ids=[f"{m} {p}" for m, p, _, _ in ENDPOINTS])
def test_nobody_without_a_token(things: None, run: ConnectorRun, method: str, path: str, body: Any, allowed: set[str]) -> None:
    from tests.connectors.api.conftest import Api

    for token in (None, "ipai_" + "x" * 43, "nonsense"):
        response = Api(token).call(method, path.format(run=run.pk), body)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")


OWNED = [(m, p, b) for m, p, b, _ in ENDPOINTS if "orders" in p or "{run}" in p or p.startswith("rpc")]


@pytest.mark.parametrize(("method", "path", "body"), OWNED, ids=[f"{m} {p}" for m, p, _ in OWNED])
def test_another_tenants_things_are_not_there(stranger: Any, run: ConnectorRun, method: str, path: str, body: Any) -> None:
    for address in (path, path.replace("orders", str(run.connector_id))):
        response = stranger.call(method, address.format(run=run.pk), body)
        assert response.status_code == 404
    assert ConnectorConfig.objects.get(name="orders").is_enabled


def test_lists_hold_only_the_own_tenant(stranger: Any, admin: Any, run: ConnectorRun, things: None) -> None:
    for path in ("connectors/", "connector-runs/"):
        assert len(admin.get(path).json()["results"]) == 1
        assert stranger.get(path).json()["results"] == []
    actors = {event["entity_id"] for event in stranger.get("audit-log/").json()["results"]}
    assert str(run.connector_id) not in actors


def test_a_sample_shows_only_rows_of_the_own_tenant(admin: Any, stranger: Any, things: None) -> None:
    mine = admin.get("catalog/ipai_bronze_core/things/sample/").json()
    assert mine["columns"] == ["_tenant_id", "id", "amount"]
    assert [row[1:] for row in mine["rows"]] == [[1, "0.10"]]
    theirs = stranger.get("catalog/ipai_bronze_core/things/sample/").json()
    assert [row[1:] for row in theirs["rows"]] == [[2, "9007199254740993.5"]]


def test_only_a_superuser_names_another_tenant(admin: Any, run: ConnectorRun, other_tenant: Any, client: Any) -> None:
    assert admin.get("connectors/?tenant=other").status_code == 403
    assert admin.get("connectors/?tenant=default").status_code == 200
    from ipai.access import services

    client.force_login(services.create_person("root", actor_name="tester", is_superuser=True))
    assert client.get("/api/v1/connectors/?tenant=other").json()["results"] == []
    assert len(client.get("/api/v1/connectors/").json()["results"]) == 1
    assert client.get("/api/v1/connectors/?tenant=nobody").status_code == 400


def test_a_person_uses_the_session_and_csrf_is_enforced(run: ConnectorRun) -> None:
    from django.test import Client

    from ipai.access import services

    person = services.create_person("olga", actor_name="tester", roles=["operator"])
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    assert client.get("/api/v1/connectors/").status_code == 200
    refused = client.post("/api/v1/connectors/orders/disable/", content_type="application/json")
    assert refused.status_code == 403
    assert refused["Content-Type"] == "application/problem+json"
    client.get("/admin/")
    from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret

    secret = _get_new_csrf_string()
    client.cookies["csrftoken"] = secret
    allowed = client.post(
        "/api/v1/connectors/orders/disable/", content_type="application/json", headers={"X-CSRFToken": _mask_cipher_secret(secret)}
    )
    assert allowed.status_code == 200
    assert allowed.json()["is_enabled"] is False


def test_a_switched_off_person_and_one_without_roles_get_nothing(client: Any, run: ConnectorRun) -> None:
    from ipai.access import services

    client.force_login(services.create_person("plain", actor_name="tester"))
    assert client.get("/api/v1/connectors/").status_code == 403


def _savepoint() -> str:
    from django.db import transaction

    return transaction.savepoint()


def _rollback(name: str) -> None:
    from django.db import transaction

    transaction.savepoint_rollback(name)
