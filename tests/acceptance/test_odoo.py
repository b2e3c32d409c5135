"""The Odoo connector against a simulated server: whatever happens while it reads, bronze equals the server's own truth."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors import services
from connectors.sources.odoo.models import MODELS

pytestmark = [pytest.mark.django_db(transaction=True)]

FAULTS = {
    "http500": ["http500@4", "http500@30-31"],
    "http502": ["http502@9"],
    "http503": ["http503@1", "http503@8/account.move.line"],
    "truncate": ["truncate@6-7", "truncate@3/account.move.line"],
    "timeout": ["timeout@8:3", "timeout@3:3/account.move.line"],
    "drop": ["drop@7", "drop@2/account.move"],
    "rate429": ["rate429@5:1", "rate429@3:1/account.move.line"],
    "touch": ["touch@5/account.move", "touch@6/account.move.line", "touch@5/res.partner"],
    "delete": ["delete@5/account.move", "delete@7/account.move.line"],
    "slowtx": ["slowtx@6:30,5/account.move.line"],
}


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any) -> None:
    """Let connectors reach loopback."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True


@pytest.fixture
def connect(tenant: Any, actor: Any) -> Any:
    """A connector for a simulated server, with small pages so that there are many."""

    def make(server: Any, **config: Any) -> Any:
        settings = {"url": server.url, "database": "main", "user": "admin", "page_size": 300, "timeout_seconds": 2} | config
        secret = "demo-key-1" if config.get("api") == "json2" else "demo-secret-1"
        return services.create_connector(
            actor=actor, tenant=tenant, name="erp", connector_type="odoo", config=settings, secrets={"password": secret}
        )

    return make


def assert_equal(server: Any, rows: Any) -> None:
    """Every count, and the ledger's sums, as the server says them."""
    truth = server.truth()
    for model in MODELS:
        count = rows(f"SELECT count(*) FROM {model.target} WHERE _deleted_at IS NULL")[0][0]
        assert count == truth["counts"][model.name]["all"], model.name
    debit, credit = rows("SELECT sum(debit), sum(credit) FROM ipai_bronze_erp.journal_entries WHERE _deleted_at IS NULL")[0]
    assert (debit, credit) == (Decimal(str(truth["sum_debit"])), Decimal(str(truth["sum_credit"])))


def assert_same_records(server: Any, rows: Any) -> None:
    """Every stored value of every record, as the server gives it, is in ``_raw``.

    Lists of the records that point here (one2many) belong to those records: they move no stamp here.
    """
    for model in MODELS:
        described = server.call(model.name, "fields_get", attributes=["store", "type"])
        fields = [name for name, told in described.items() if told["store"] and told["type"] != "one2many"]
        everything = {"active_test": False, "bin_size": True}
        there = server.call(model.name, "search_read", domain=[], fields=fields, order="id", load="", context=everything)
        ours = dict(rows(f"SELECT id, _raw FROM {model.target} WHERE _deleted_at IS NULL"))
        assert {record["id"] for record in there} == set(ours), model.name
        for record in there:
            raw = ours[record["id"]]
            raw = json.loads(raw) if isinstance(raw, str) else raw
            assert {name: raw.get(name) for name in record} == record, (model.name, record["id"])


@pytest.mark.parametrize("api", ["jsonrpc", "json2", "xmlrpc"])
def test_full_and_incremental_equal_the_truth(odoo_server: Any, connect: Any, run_now: Any, rows: Any, api: str) -> None:
    server = odoo_server("--odoo-version", "19" if api == "json2" else "18")
    connector = connect(server, api=api, timeout_seconds=60)
    for mode in ("full", "incremental"):
        run = run_now(connector, mode=mode)
        assert run.status == "success", run.error_message
        assert run.metadata["proof"]["ok"]
        assert_equal(server, rows)
    assert_same_records(server, rows)
    assert sum(stream["read"] for stream in run.metadata["streams"]) < 50


@pytest.mark.parametrize("kind", [*FAULTS, "all"])
def test_faults_lose_nothing(odoo_server: Any, connect: Any, run_now: Any, rows: Any, kind: str) -> None:
    faults = [fault for name, some in FAULTS.items() if kind in (name, "all") for fault in some]
    server = odoo_server(*(part for fault in faults for part in ("--fault", fault)))
    connector = connect(server)
    run = run_now(connector, mode="full")
    assert run.status == "success", run.error_message
    assert_equal(server, rows)
    run = run_now(connector)
    assert run.status == "success", run.error_message
    assert server.stats()["faults"]
    assert_equal(server, rows)
    assert_same_records(server, rows)


def test_a_password_that_expires_stops_the_run_and_says_so(odoo_server: Any, connect: Any, run_now: Any) -> None:
    server = odoo_server("--fault", "wrongpassword-after@20")
    run = run_now(connect(server))
    assert run.status == "failed"
    assert "wrong password or an expired API key" in run.error_message
    assert "demo-secret-1" not in run.error_message
