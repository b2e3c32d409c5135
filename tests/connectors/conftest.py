"""An Odoo of our own that any test of connectors may load."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors import services
from connectors.demo import vendors
from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import Call, FakeOdoo, Response
from connectors.engine import prove
from connectors.sources.odoo import rpc
from tests.support.odoo import KEY, LEDGER, NOW, SECRET


@pytest.fixture
def odoo(files: Any, monkeypatch: pytest.MonkeyPatch) -> FakeOdoo:
    """A fake server of our own behind the demo's address; nothing waits."""
    fake = FakeOdoo(demo_store(NOW), users={"reader": SECRET}, api_key=KEY)
    monkeypatch.setattr(vendors, "_odoo", lambda: httpx.WSGITransport(app=fake))
    monkeypatch.setattr(rpc, "LONGEST_WAIT", 0.0)
    monkeypatch.setattr(prove, "PAUSE_SECONDS", 0.0)
    rpc._LOGINS.clear()
    return fake


@pytest.fixture
def connect(tenant: Any, actor: Any) -> Callable[..., Any]:
    """A connector to the fake, with pages small enough that there are several."""

    def make(password: str = SECRET, **config: Any) -> Any:
        wanted = {"url": vendors.ODOO, "database": "demo", "user": "reader", "page_size": 100} | config
        return services.create_connector(
            actor=actor, tenant=tenant, name="erp", connector_type="odoo", config=wanted, secrets={"password": password}
        )

    return make


@pytest.fixture
def portal_user(odoo: FakeOdoo) -> FakeOdoo:
    """Record rules hide the whole ledger: reads succeed and find nothing."""

    def see_nothing(call: Call) -> Response | None:
        found = {"search": [], "search_read": [], "read_group": [], "search_count": 0}
        if call.model not in LEDGER or call.method not in found:
            return None
        body = {"jsonrpc": "2.0", "id": 1, "result": found[call.method]}
        return Response(200, json.dumps(body), {"Content-Type": "application/json"})

    odoo.before.append(see_nothing)
    return odoo
