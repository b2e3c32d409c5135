"""What nobody sends by accident: every answer is a problem, never a 500."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.urls import get_resolver

from ipai.access.parsing import LARGEST_BODY
from ipai.access.rest import PrincipalThrottle

pytestmark = pytest.mark.django_db
GOOD = {"name": "a", "connector_type": "files", "config": {"url": "https://example.org/x", "table": "t"}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"name": NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"name": ' + b"9" * 5_000 + b"}",
        b'{"config": {"x": 1e999}}',
        b'{"config": {"x": "\\u0000"}}',
        b'{"config": {"\\u0000": 1}}',
        b'{"config": {"x": "\\ud800"}}',
        b"[]",
        b'"text"',
        b"null",
        b"1",
    ],
    ids=range(15),
)
def test_bodies_that_are_not_usable_json(api: Any, raw: bytes) -> None:
    for path in ("connectors/", "rpc/run_connector"):
        assert api.call("POST", path, raw=raw).status_code == 400


def test_a_body_that_is_too_large(api: Any) -> None:
    raw = json.dumps(GOOD | {"schedule": "x" * LARGEST_BODY}).encode()
    assert api.call("POST", "connectors/", raw=raw).status_code == 413


@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["a"], {"a": 1}, "", "x" * 100_000, "a\nb", "../../etc", "é"])
@pytest.mark.parametrize(
    "field", ["name", "connector_type", "config", "secrets", "schedule", "schedule_mode", "owner", "is_enabled"]
)
def test_wrong_types(api: Any, field: str, value: Any) -> None:
    response = api.post("connectors/", GOOD | {field: value})
    assert response.status_code in (201, 400)
    if response.status_code == 201:
        assert not (field == "is_enabled" and value is not True), "1 is no yes"
        assert (field, value) in [
            ("owner", None),
            ("owner", ""),
            ("schedule", ""),
            ("secrets", {}),
            ("is_enabled", True),
        ], "accepted what is no good value"


def test_freshness_is_a_sane_number(api: Any) -> None:
    for value in (-1, 0, 2**63, "soon", 1.5, None):
        assert api.post("connectors/", GOOD | {"freshness_target_minutes": value}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "nothing/",
        "/api/",
        "/api/v2/connectors/",
        "connectors/%00/",
        "catalog/%0A/x/",
        "connectors/..%2f..%2fetc/",
        "connectors/" + "a" * 500 + "/",
        "connectors/%ED%A0%80/",
        "connector-runs/1/",
        "connector-runs/00000000-0000-0000-0000-000000000000/",
        "catalog/public/ipai_secret/",
        "catalog/public/ipai_secret/sample/",
        "catalog/pg_catalog/pg_authid/sample/",
        "catalog/ipai_bronze_core/nothing/sample/",
        "catalog/ipai_bronze_core/x%22%3B%20DROP%20TABLE%20ipai_secret%3B--/sample/",
    ],
)
def test_addresses_without_anything(admin: Any, path: str) -> None:
    assert admin.get(path).status_code == 404


def test_a_host_that_is_not_ours_is_a_problem_too(api: Any) -> None:
    assert api.get("connectors/", HTTP_HOST="evil.example").status_code == 400


def test_a_missing_slash_is_sent_on(api: Any) -> None:
    response = api.get("connectors?limit=1")
    assert (response.status_code, response["Location"]) == (308, "/api/v1/connectors/?limit=1")
    assert api.post("rpc/run_connector/", {}).status_code == 308


def test_methods_media_types_and_accept(api: Any) -> None:
    assert api.call("PUT", "connectors/", {}).status_code == 405
    assert api.delete("source-types/").status_code == 405
    assert api.call("POST", "connectors/", raw=b"a=1", content_type="application/x-www-form-urlencoded").status_code == 415
    assert api.get("connectors/", HTTP_ACCEPT="text/html").status_code == 406


def test_a_known_view_refuses_other_methods_with_405(api: Any) -> None:
    response = api.call("PUT", "rpc/run_connector", {})
    assert response.status_code == 405
    assert response["Allow"]


def test_parameters_that_an_operation_does_not_know(api: Any, orders: Any) -> None:
    assert api.get("connectors/orders/?limit=1").status_code == 400
    assert api.post("rpc/run_connector?force=1", {"connector": "orders"}).status_code == 400
    assert api.get("catalog/?limit=1").status_code == 400


def test_a_bug_is_a_500_without_internals(api: Any, monkeypatch: Any, caplog: Any) -> None:
    from connectors import queries

    def broken(*_: Any) -> None:
        raise RuntimeError("password=hunter2 at /srv/secret")

    monkeypatch.setattr(queries, "connectors_for", broken)
    with caplog.at_level(logging.ERROR):
        response = api.get("connectors/")
    assert response.status_code == 500
    assert "hunter2" not in response.content.decode()
    assert "RuntimeError" in caplog.text


def test_too_many_requests(api: Any, admin: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(PrincipalThrottle, "get_rate", lambda self: "3/min")
    monkeypatch.setattr(PrincipalThrottle, "timer", lambda self: 1_000_000_000.0)  # no minute ends between two requests
    assert [api.get("source-types/").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.get("source-types/")
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert admin.get("source-types/").status_code == 200  # each token has its own count


def test_no_address_of_the_api_is_open_by_mistake() -> None:
    """Every view under /api/v1/ names what it needs."""
    from ipai.api_urls import v1

    for include in v1:
        for pattern in get_resolver(include.urlconf_module.__name__).url_patterns:
            assert pattern.callback.cls.needs, pattern
