"""Callers of the API: one token per role, a second tenant, and a connector with a secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from connectors import services
from connectors.models import ConnectorRun, RejectedRecord, RunLog, RunStream, Status
from ipai.access import services as access
from ipai.access.models import Role, Tenant

SECRET = 'S3cr3t/"pass word"+=&<>%\\end'


# One for all: each Client loads the middleware anew, and whitenoise then looks through all static files.
http = Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def fresh_client(settings: Any) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    http.cookies.clear()


@dataclass
class Api:
    """A caller with a token (or none)."""

    token: str | None = None

    def call(self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str) -> Any:
        """A request under /api/v1/; every answer that is an error must be a problem."""
        if self.token:
            headers["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        address = path if path.startswith("/") else f"/api/v1/{path}"
        content_type = headers.pop("content_type", "application/json")
        response = http.generic(method, address, data, content_type=content_type, **headers)
        if response.status_code >= 400:
            check_problem(response, address)
        return response

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None) -> Any:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)


def check_problem(response: Any, address: str) -> None:
    """RFC 9457, and nothing of the inside."""
    assert response["Content-Type"] == "application/problem+json", response.content[:500]
    body = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == response.status_code
    assert body["instance"] == address.partition("?")[0] or "%" in address
    assert "Traceback" not in response.content.decode()


@pytest.fixture
def token(tenant: Tenant) -> Any:
    """Make a token: ``token("operator")``."""

    def make(*roles: str, of: Tenant = tenant, name: str = "") -> str:
        return access.create_token(tenant=of, name=name or "-".join(roles), roles=roles, actor_name="tester")[1]

    return make


@pytest.fixture
def callers(token: Any) -> dict[str, Api]:
    """A caller for each role."""
    return {role: Api(token(role)) for role in Role.values}


@pytest.fixture
def api(token: Any) -> Api:
    """A data engineer, who may do nearly everything."""
    return Api(token("data_engineer", name="engineer"))


@pytest.fixture
def admin(token: Any) -> Api:
    return Api(token("platform_admin", name="boss"))


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    return access.create_tenant("other", "Other", actor_name="tester")


@pytest.fixture
def stranger(token: Any, other_tenant: Tenant) -> Api:
    """An administrator, but of another tenant."""
    return Api(token("platform_admin", of=other_tenant, name="stranger"))


@pytest.fixture
def orders(files: Path, make_connector: Any) -> Any:
    """A connector on a small file with one bad row."""
    (files / "orders.csv").write_text("id,amount\n1,10.50\n2,20.25\n3,x,y\n")
    return make_connector("orders", path=str(files / "orders.csv"), table="orders", schema_policy="discard_row")


@pytest.fixture
def run(orders: Any, actor: Any) -> ConnectorRun:
    """An ended run with a stream, a rejected record and log lines, as a worker leaves it."""
    made = services.queue_run(connector=orders, actor=actor, send_to_worker=False)
    made.status, made.rows_read, made.rows_written = Status.SUCCESS, 3, 2
    made.started_at = made.ended_at = made.queued_at
    made.save()
    RunStream.objects.create(
        run=made, stream="orders", target="ipai_bronze_core.orders", status="success", rows_read=3, rows_written=2, rows_rejected=1
    )
    RejectedRecord.objects.create(run=made, stream="orders", place="orders.csv:4", reason="3 fields, not 2", raw="3,x,y")
    for number in range(3):
        RunLog.objects.create(run=made, stream="orders", level="info" if number else "error", message=f"line {number}")
    return made
