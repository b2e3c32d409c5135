"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from ipai.access import services
from ipai.observability import health


def test_healthz_asks_no_database(client: Any) -> None:
    """Without the db mark a query would fail the test."""
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_ready(client: Any) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "failed": []})


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Accepts connections and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    yield server.getsockname()[1]
    server.close()


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_a_broker(client: Any, settings: Any, silent_server: int) -> None:
    settings.CELERY_BROKER_URL = "redis://:hunter2@127.0.0.1:1/0"
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "not ready", "failed": ["broker"]})
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{silent_server}/0"
    began = time.monotonic()
    assert client.get("/readyz").json()["failed"] == ["broker"]
    assert time.monotonic() - began < health.READY_WITHIN + 1


@pytest.mark.django_db(transaction=True)
def test_not_ready_while_a_migration_waits(client: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'access' AND name = '0002_default_tenant' RETURNING applied")
        (applied,) = cursor.fetchone()
    try:
        assert client.get("/readyz").json()["failed"] == ["migrations"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('access', '0002_default_tenant', %s)", [applied]
            )


def test_not_ready_without_a_database_and_within_its_time(monkeypatch: Any, silent_server: int) -> None:
    """A server that accepts and never answers must not hold the answer."""
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", str(silent_server))
    began = time.monotonic()
    assert health.not_ready() == ["database"]
    assert time.monotonic() - began < health.READY_WITHIN + 1


@pytest.mark.django_db
def test_metrics_are_for_operators_and_this_machine(client: Any, tenant: Any) -> None:
    def scrape(role: str = "", **headers: str) -> int:
        if role:
            _, plain = services.create_token(tenant=tenant, name=role, roles=[role], actor_name="tester")
            headers["HTTP_AUTHORIZATION"] = f"Bearer {plain}"
        return client.get("/metrics", **headers).status_code

    assert scrape() == 200
    away = {"REMOTE_ADDR": "10.0.0.9"}
    assert scrape(**away) == 401
    assert scrape(HTTP_X_FORWARDED_FOR="10.0.0.9") == 401  # through a proxy on this machine
    assert scrape("operator", **away) == scrape("platform_admin", **away) == 200
    assert scrape("bi_developer", **away) == 403


@pytest.mark.django_db
def test_figures(client: Any, tenant: Any, rows: Any) -> None:
    from connectors.models import ConnectorConfig, ConnectorRun, RunStream

    connector = ConnectorConfig.objects.create(name="c", connector_type="files", tenant=tenant)
    done = ConnectorRun.objects.create(connector=connector, status="success")
    RunStream.objects.create(run=done, stream="s", status="success", rows_read=10, rows_written=6, rows_updated=1, rows_rejected=3)
    ConnectorRun.objects.create(connector=connector)
    client.get("/healthz")
    text = client.get("/metrics", HTTP_ACCEPT="text/plain;version=0.0.4").content.decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["ipai_runs", "success"] == samples["ipai_runs", "queued"] == samples["ipai_runs_open",] == 1
    assert samples["ipai_runs", "failed"] == 0
    assert (samples["ipai_rows_read",], samples["ipai_rows_written",], samples["ipai_rows_rejected",]) == (10, 7, 3)
    assert samples["ipai_oldest_queued_seconds",] >= 0
    assert samples["ipai_oldest_lease_seconds",] == 0
    assert samples["ipai_http_requests_total", "GET", "healthz", "200"] >= 1
