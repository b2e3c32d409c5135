"""Connectors through the API: make, change, check, pause, run, delete."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.models import ConnectorConfig, ConnectorRun
from ipai.observability.models import AuditLog
from ipai.vault.services import reveal

pytestmark = pytest.mark.django_db
NEW = {"name": "sales", "connector_type": "files", "config": {"url": "https://example.org/sales.csv", "table": "sales"}}


def errors(response: Any) -> dict[str, str]:
    assert response.status_code == 400
    return {error["field"]: error["detail"] for error in response.json()["errors"]}


def test_made_changed_and_deleted(api: Any, tenant: Any) -> None:
    made = api.post("connectors/", {**NEW, "secrets": {"token": "one two"}, "schedule": "0 6 * * *"})
    assert made.status_code == 201
    assert made["Location"].endswith("/api/v1/connectors/sales/")
    body = made.json()
    assert body["secrets"]["token"]["set_at"]
    assert body["next_run_at"].endswith("06:00:00Z")
    assert body["freshness"] == {"state": "none", "age_seconds": None, "target_minutes": 1440}
    assert api.get(f"connectors/{body['id']}/").json() == body == api.get("connectors/sales/").json()

    connector = ConnectorConfig.objects.get(name="sales")
    (ref,) = connector.vault_secret_refs
    assert reveal(tenant.pk, [ref.partition("=")[2]]) == {ref.partition("=")[2]: "one two"}

    changed = api.patch("connectors/sales/", {"schedule": "", "name": "sold"})
    assert changed.json()["schedule"] == ""
    assert changed.json()["secrets"]["token"]["set_at"] == body["secrets"]["token"]["set_at"]
    event = AuditLog.objects.get(action="changed", entity_id=body["id"])
    assert event.details["changed"]["name"] == ["sales", "sold"]
    assert event.actor == "token engineer"
    assert event.ip_address == "127.0.0.1"

    assert api.delete("connectors/sold/").status_code == 204
    assert api.get("connectors/sold/").status_code == 404


def test_a_config_that_does_not_fit_is_named_by_its_path(api: Any) -> None:
    assert "config.write_mode" in errors(api.post("connectors/", {**NEW, "config": {**NEW["config"], "write_mode": "guess"}}))
    assert "config" in errors(api.post("connectors/", {**NEW, "config": {"url": "https://example.org/a"}}))
    assert "config" in errors(api.post("connectors/", {**NEW, "config": {**NEW["config"], "colour": 1}}))
    assert "config.url" in errors(api.post("connectors/", {**NEW, "config": {**NEW["config"], "path": "/a"}}))
    assert "connector_type" in errors(api.post("connectors/", {**NEW, "connector_type": "telepathy"}))
    assert "schedule" in errors(api.post("connectors/", {**NEW, "schedule": "sometimes"}))
    assert "secrets.colour" in errors(api.post("connectors/", {**NEW, "secrets": {"colour": "red"}}))
    assert "name" in errors(api.post("connectors/", {**NEW, "name": "no spaces"}))
    assert not ConnectorConfig.objects.exists()


def test_a_patch_names_the_path_too(api: Any, orders: Any) -> None:
    assert "config.write_mode" in errors(api.patch("connectors/orders/", {"config": {**orders.config, "write_mode": "guess"}}))


def test_unknown_and_missing_fields_are_errors(api: Any, orders: Any) -> None:
    assert set(errors(api.post("connectors/", {"colour": "red"}))) == {"colour"}
    assert set(errors(api.post("connectors/", {}))) == {"name", "connector_type", "config"}
    assert set(errors(api.patch("connectors/orders/", {"connector_type": "x", "id": 1, "tenant": "other"}))) == {
        "connector_type",
        "id",
        "tenant",
    }
    assert set(errors(api.post("rpc/run_connector", {"connector": "orders", "force": True}))) == {"force"}


def test_a_name_is_taken_once(api: Any, orders: Any) -> None:
    assert "name" in errors(api.post("connectors/", {**NEW, "name": "orders"}))


def test_an_owner_is_a_person_of_the_tenant(api: Any, orders: Any, other_tenant: Any) -> None:
    from ipai.access import services

    services.create_person("mine", actor_name="tester", roles=["data_engineer"])
    services.create_person("theirs", actor_name="tester", tenant=other_tenant)
    assert api.patch("connectors/orders/", {"owner": "mine"}).json()["owner"] == "mine"
    assert "owner" in errors(api.patch("connectors/orders/", {"owner": "theirs"}))
    assert api.patch("connectors/orders/", {"owner": None}).json()["owner"] is None


def test_check_tells_line_by_line(api: Any, orders: Any, files: Any) -> None:
    body = api.post("connectors/orders/check/").json()
    assert body["ok"] is True
    assert all(set(line) == {"name", "ok", "detail", "warning"} for line in body["checks"])
    (files / "orders.csv").unlink()
    assert api.post("connectors/orders/check/").json()["ok"] is False


def test_run_is_accepted_once(api: Any, orders: Any) -> None:
    accepted = api.post("rpc/run_connector", {"connector": "orders", "mode": "full"})
    assert accepted.status_code == 202
    run = ConnectorRun.objects.get(pk=accepted.json()["run_id"])
    assert (run.mode, run.trigger, run.requested_by) == ("full", "api", "token engineer")
    assert accepted["Location"].endswith(f"/api/v1/connector-runs/{run.pk}/")
    refused = api.post("rpc/run_connector", {"connector": str(orders.pk)})
    assert refused.status_code == 409
    assert refused.json()["run_id"] == str(run.pk)
    assert api.delete("connectors/orders/").status_code == 409


def test_a_paused_connector_does_not_run(api: Any, orders: Any) -> None:
    assert api.post("connectors/orders/disable/").json()["is_enabled"] is False
    assert api.post("rpc/run_connector", {"connector": "orders"}).status_code == 409
    assert api.post("connectors/orders/enable/").json()["is_enabled"] is True
    assert api.post("rpc/run_connector", {"connector": "orders"}).status_code == 202


def test_run_of_nothing_known(api: Any, orders: Any) -> None:
    assert api.post("rpc/run_connector", {"connector": "nothing"}).status_code == 404
    assert "mode" in errors(api.post("rpc/run_connector", {"connector": "orders", "mode": "quick"}))


def test_source_types_describe_their_config(api: Any) -> None:
    types = {kind["key"]: kind for kind in api.get("source-types/").json()}
    assert types["files"]["config_schema"]["type"] == "object"
    assert {"name", "label", "required"} == set(types["files"]["secrets"][0])
    assert api.get("source-types/nothing/").status_code == 404
