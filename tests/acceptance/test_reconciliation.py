"""Suggestions for the bank lines of a simulated server: a real database, and made-up ledgers with large numbers of open items."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from connectors import services
from finance.reconciliation import services as decisions
from finance.reconciliation.models import Suggestion
from finance.reconciliation.recompute import recompute
from ipai.observability.audit import Actor

pytestmark = [pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connectors reach loopback; nothing is sent to a worker."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(decisions, "send", lambda *ids: None)


@pytest.fixture
def connect(tenant: Any, actor: Any, run_now: Any) -> Any:
    """A connector that has read a simulated server."""

    def make(server: Any) -> Any:
        settings = {"url": server.url, "database": "main", "user": "admin", "page_size": 2000}
        connector = services.create_connector(
            actor=actor, tenant=tenant, name="erp", connector_type="odoo", config=settings, secrets={"password": "demo-secret-1"}
        )
        run = run_now(connector)
        assert run.status == "success", run.error_message
        return connector

    return make


def test_the_bank_lines_of_a_real_database(odoo_server: Any, connect: Any) -> None:
    connect(odoo_server())
    rows = {row.bank_line_id: row for row in Suggestion.objects.all()}
    waiting = {row.reference: row for row in rows.values()}
    assert len(rows) >= 15
    for row in rows.values():
        for one in row.candidates:
            assert len({item["id"] for item in one["items"]}) == len(one["items"])
    named = waiting["INV/2026/00002 and INV/2026/00003"]
    texts = [{text for item in one["items"] for text in (item["number"], *item["references"])} for one in named.candidates]
    assert {"INV/2026/00002", "INV/2026/00003"} & texts[0]
    for text in ("Bank Fees", "Last Year Interests", "Initial balance"):
        assert waiting[text].outcome in ("none", "ambiguous"), text
    assert not [row for row in rows.values() if row.outcome == "match" and row.reference.startswith("Wire")]


def test_accepting_over_a_real_database_and_undoing_it(odoo_server: Any, connect: Any) -> None:
    connector = connect(odoo_server())
    row = Suggestion.objects.exclude(candidates=[]).first()
    assert row is not None
    decisions.accept(Actor("anna"), row, row.candidates[0]["key"])
    recompute(connector.pk, connector.tenant_id)
    row.refresh_from_db()
    assert row.state == "accepted"
    decisions.undo(Actor("anna"), row)
    before = row.candidates
    recompute(connector.pk, connector.tenant_id)
    row.refresh_from_db()
    assert (row.state, row.candidates) == ("open", before)


def test_a_quiet_recomputation_of_a_large_ledger_costs_little(odoo_server: Any, connect: Any) -> None:
    """Bank lines made from the payments of the ledger, against thousands of open items."""
    connector = connect(odoo_server("--scale", "60000", "--seed", "11"))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO ipai_bronze_erp.bank_statement_lines
                   (_connector_id, _tenant_id, _run_id, id, company_id, date, payment_ref, amount, currency_id, is_reconciled,
                    state)
               SELECT l._connector_id, l._tenant_id, l._run_id, l.id, l.company_id, l.date, l.move_name, l.amount_residual,
                      l.company_currency_id, false, 'posted'
               FROM ipai_bronze_erp.journal_entries AS l
               WHERE l.amount_residual <> 0 AND l.display_type = 'payment_term' ORDER BY l.id DESC LIMIT 500"""
        )
    started = time.monotonic()
    first = recompute(connector.pk, connector.tenant_id)
    took = time.monotonic() - started
    assert (first.lines, first.judged) == (500, 500)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ipai_bronze_erp.journal_entries SET amount_residual_currency = amount_residual_currency / 2 WHERE id = ("
            " SELECT max(id) FROM ipai_bronze_erp.journal_entries"
            " WHERE display_type = 'payment_term' AND amount_residual <> 0)"
        )
    started = time.monotonic()
    second = recompute(connector.pk, connector.tenant_id)
    assert second.judged < 100
    print(
        f"{first.lines} bank lines in {took:.2f} s; after one change {second.judged} judged in {time.monotonic() - started:.2f} s"
    )


def test_the_bars_hold_on_simulated_ledgers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.reconciliation", "--out", os.devnull], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No bar is missed." in done.stdout


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        ("", {"used", "invalid"}),
        ("bad-ids", {"used", "invalid"}),
        ("bad-json", {"malformed"}),
        ("empty", {"malformed"}),
        ("http500", {"refused"}),
    ],
)
def test_a_simulated_language_model_decides_nothing(
    odoo_server: Any, connect: Any, settings: Any, fault: str, results: set[str]
) -> None:
    connect(odoo_server())
    row = Suggestion.objects.exclude(candidates=[]).order_by("bank_line_id").first()
    assert row is not None
    command = [sys.executable, str(Path(os.environ["IPAI_SIMS"]) / "llm.py"), "--port", "0", "--api-key", "sim-key"]
    process = subprocess.Popen([*command, *(["--fault", fault] if fault else [])], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        settings.LLM_BASE_URL = process.stdout.readline().split()[-1] + "/v1"
        settings.LLM_MODEL, settings.LLM_API_KEY = "gpt-4o-mini", "sim-key"
        call = decisions.ask_model(Actor("anna"), row)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    after = Suggestion.objects.get(pk=row.pk)
    assert call.result in results
    assert call.result == "refused" or call.input_tokens > 0
    assert (after.candidates, after.outcome, after.state) == (row.candidates, row.outcome, row.state)
    assert bool(after.opinion) == (call.result == "used")
