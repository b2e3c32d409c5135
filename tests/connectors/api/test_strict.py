"""What is not understood is an error that says what, of one kind for one mistake; it is never ignored."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import get_resolver
from django_filters import BooleanFilter

from connectors.models import ConnectorConfig, ConnectorRun

pytestmark = pytest.mark.django_db
GOOD = {"name": "a", "connector_type": "files", "config": {"url": "https://example.org/x", "table": "t"}}


def refused(response: Any) -> dict[str, str]:
    body = response.json()
    assert (response.status_code, body["type"]) == (400, "/api/docs/#problem-invalid"), body
    return {error["field"]: error["detail"] for error in body["errors"]}


@pytest.mark.parametrize(
    "query",
    [
        *(f"connectors/?is_enabled={value}" for value in ("maybe", "1", "True", "")),
        "connectors/?last_status=unknown",
        "connectors/?name=",
        "connectors/?name=a&name=b",
        "connectors/?search=%00",
        "connectors/?limit=5&limit=6",
        "connectors/?ordering=colour",
        "connector-runs/?status=success&status=maybe",
        "connector-runs/?mode=quick",
        "connector-runs/?trigger=hand",
        "connector-runs/?connector=",
        "connector-runs/?queued_after=yesterday",
        "connector-runs/?queued_before=",
        "connector-runs/?cursor=made-up",
        "catalog/?tenant=",
    ],
)
def test_a_filter_is_understood_or_refused(api: Any, orders: Any, query: str) -> None:
    (name,) = refused(api.get(query))
    assert name == query.partition("?")[2].partition("=")[0]


def test_the_filters_that_are_right_filter(api: Any, orders: Any, run: ConnectorRun) -> None:
    def found(query: str) -> int:
        return len(api.get(query).json()["results"])

    assert (found("connectors/?is_enabled=true"), found("connectors/?is_enabled=false")) == (1, 0)
    assert (found("connector-runs/?status=success&status=failed"), found("connector-runs/?status=failed")) == (1, 0)


def test_no_list_has_a_filter_that_takes_anything_for_no_filter() -> None:
    from ipai.api_urls import v1

    for include in v1:
        for pattern in get_resolver(include.urlconf_module.__name__).url_patterns:
            filters = getattr(getattr(pattern.callback.cls, "filterset_class", None), "base_filters", {})
            assert not [name for name, one in filters.items() if isinstance(one, BooleanFilter)], pattern


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"secrets": {"token": 5}}, "secrets.token"),
        ({"secrets": {"token": True}}, "secrets.token"),
        ({"secrets": {"token": None}}, "secrets.token"),
        ({"is_enabled": "yes"}, "is_enabled"),
        ({"is_enabled": 1}, "is_enabled"),
        ({"freshness_target_minutes": "60"}, "freshness_target_minutes"),
        ({"freshness_target_minutes": True}, "freshness_target_minutes"),
        ({"schedule_mode": ["full"]}, "schedule_mode"),
        ({"colour": "red"}, "colour"),
        ({"config": {"url": "https://example.org/x", "table": "t", "colour": "red"}}, "config"),
        ({"config": {"url": "https://example.org/x", "table": "t", "header": 1}}, "config.header"),
    ],
)
def test_a_field_is_understood_or_refused(api: Any, change: Any, field: str) -> None:
    assert set(refused(api.post("connectors/", GOOD | change))) == {field}
    assert not ConnectorConfig.objects.exists()


@pytest.mark.parametrize(
    "raw", [b'{"connector": "a", "connector": "orders"}', b'{"connector": "orders", "mode": "full", "mode": "full"}']
)
def test_a_name_twice_is_refused(api: Any, orders: Any, raw: bytes) -> None:
    response = api.call("POST", "rpc/run_connector", raw=raw)
    assert (response.status_code, response.json()["type"]) == (400, "/api/docs/#problem-bad-request")
    assert "twice" in response.json()["detail"]
    nested = b'{"name": "b", "connector_type": "files", "config": {"table": "t", "table": "u", "url": "https://example.org/x"}}'
    assert api.call("POST", "connectors/", raw=nested).status_code == 400
    assert not ConnectorRun.objects.exists()


def test_an_operation_without_a_body_refuses_one(api: Any, orders: Any, run: ConnectorRun) -> None:
    for path in (f"connector-runs/{run.pk}/retry/", f"connector-runs/{run.pk}/cancel/", "connectors/orders/disable/"):
        assert set(refused(api.post(path, {"mode": "full"}))) == {"mode"}
    assert ConnectorRun.objects.count() == 1
    assert api.post("connectors/orders/disable/", {}).status_code == 200


def test_a_retry_by_the_api_was_started_by_the_api(api: Any, run: ConnectorRun) -> None:
    again = api.post(f"connector-runs/{run.pk}/retry/").json()["run_id"]
    assert ConnectorRun.objects.get(pk=again).trigger == "api"
