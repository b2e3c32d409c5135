"""What a proof covers, and that it comes to an end while people work on in Odoo."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import queries
from connectors.demo.odoo.server import Call, FakeOdoo, Response
from connectors.sources.odoo import proof
from tests.support.odoo import on, raised

pytestmark = pytest.mark.django_db(transaction=True)
PARTNER, LINE = "res.partner", "account.move.line"
LINES = "ipai_bronze_erp.journal_entries"


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


def test_a_proof_names_what_was_not_compared(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    connector = connect(models=[PARTNER, LINE])
    odoo.before.append(on("search", lambda call: raised("builtins.ValueError", "no"), LINE))
    run = run_now(connector)
    assert run.status == "failed"
    assert (run.metadata["proof"]["ok"], run.metadata["proof"]["uncompared"]) == (None, ["journal_entries"])
    last = queries.last_proof(connector)
    assert (last["ok"], last["uncompared"]) == (None, ["journal_entries"])
    odoo.before.clear()
    whole = good(run_now(connector))
    assert (whole.metadata["proof"]["ok"], whole.metadata["proof"]["uncompared"]) == (True, [])


def test_the_last_proof_is_per_stream(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    connector = connect(models=[PARTNER, LINE])
    whole = good(run_now(connector))
    one = good(run_now(connector, streams=["partners"]))
    last = queries.last_proof(connector)
    assert {name: part["at"] for name, part in last["streams"].items()} == {
        "journal_entries": whole.metadata["proof"]["streams"]["journal_entries"]["at"],
        "partners": one.metadata["proof"]["streams"]["partners"]["at"],
    }
    assert (last["ok"], last["run_id"], last["uncompared"]) == (True, one.pk, [])
    assert last["at_time"].isoformat() == whole.metadata["proof"]["streams"]["journal_entries"]["at"]


def test_changes_during_the_comparison_are_read_with_the_suspects(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    """Somebody posts one more between each comparison and the reading that follows it, three times."""
    keys = iter(sorted(odoo.store.rows[LINE])[:6])

    def post(call: Call) -> Response | None:
        looks = call.method == "read_group" or [term[0] for term in call.kwargs.get("domain", ())] == ["write_date"]
        if looks and (key := next(keys, None)) is not None:
            odoo.store.write(LINE, key, {"debit": odoo.store.rows[LINE][key]["debit"] + 1}, datetime.now(UTC))
        return None

    odoo.before.append(post)
    run = good(run_now(connect(models=[LINE])))
    assert run.metadata["proof"]["streams"]["journal_entries"]["attempts"] <= 4
    theirs = {key: odoo.store.rows[LINE][key]["debit"] for key in odoo.store.rows[LINE]}
    assert {key: float(debit) for key, debit in rows(f"SELECT id, debit FROM {LINES}")} == theirs


def test_steady_work_in_odoo_does_not_fail_the_run(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    """Each comparison meets a record that was changed since: all others agree, and the next run reads the last one."""
    key = min(odoo.store.rows[LINE])

    def work(call: Call) -> Response | None:
        odoo.store.write(LINE, key, {"debit": odoo.store.rows[LINE][key]["debit"] + 1}, datetime.now(UTC))
        return None

    odoo.before.append(on("read_group", work, LINE))
    connector = connect(models=[LINE])
    run = good(run_now(connector))
    assert run.metadata["proof"]["ok"] is True
    assert [line for line in run.metadata["proof"]["warnings"] if "records kept changing at the source" in line]
    odoo.before.clear()
    run = good(run_now(connector))
    assert run.metadata["proof"]["warnings"] == []
    assert float(rows(f"SELECT debit FROM {LINES} WHERE id = %s", [key])[0][0]) == odoo.store.rows[LINE][key]["debit"]


def test_many_groups_that_differ_are_repaired_at_once(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "MOST_GROUPS", 3)
    connector = connect(models=[LINE])
    good(run_now(connector))
    accounts = sorted({row["account_id"] for row in odoo.store.all(LINE)})
    for row in odoo.store.all(LINE):
        row["debit"] += 1.25
    moved = min(odoo.store.rows[LINE])
    odoo.store.rows[LINE][moved]["account_id"] = next(one for one in accounts if one != odoo.store.rows[LINE][moved]["account_id"])
    odoo.calls.clear()
    run = good(run_now(connector))
    assert run.metadata["proof"]["streams"]["journal_entries"]["attempts"] == 2
    assert len([call for call in odoo.calls if call.method == "search_read"]) < 15
    assert rows(f"SELECT account_id FROM {LINES} WHERE id = %s", [moved]) == [(odoo.store.rows[LINE][moved]["account_id"],)]
    assert json.dumps(run.metadata["proof"]).count("account.move.line") > 3
