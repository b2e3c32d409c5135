"""Suggestions follow the ledger: what is judged, when, and that a partial recomputation is as good as a full one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finance.reconciliation.models import Suggestion
from finance.reconciliation.recompute import recompute
from tests.support.odoo import NOW

pytestmark = pytest.mark.django_db

STATEMENT = "account.bank.statement.line"


def shown() -> dict[int, Any]:
    return {row.bank_line_id: (row.state, row.outcome, row.reason, row.candidates) for row in Suggestion.objects.all()}


def synced(run: Any) -> None:
    assert run.status == "success", run.error_message


def test_every_open_bank_line_gets_a_suggestion(suggested: list[Suggestion], odoo: Any) -> None:
    open_lines = {row["id"] for row in odoo.store.all(STATEMENT) if not row["is_reconciled"]}
    assert open_lines
    assert {row.bank_line_id for row in suggested} == open_lines
    for row in suggested:
        assert row.amount == Decimal(str(odoo.store.get(STATEMENT, row.bank_line_id)["amount"]))
        assert row.reason


def test_a_named_invoice_is_matched_with_its_evidence(suggested: list[Suggestion], odoo: Any) -> None:
    row = next(row for row in suggested if row.reference.startswith("Invoice INV/") and row.outcome == "match")
    (item,) = row.candidates[0]["items"]
    assert item["number"] in row.reference
    assert {one["code"] for one in row.candidates[0]["evidence"]} >= {"reference_full"}
    assert row.candidates[0]["allocations"][0]["amount"].count(".") == 1
    assert odoo.store.get("account.move.line", item["id"])["move_name"] == item["number"]


def test_payments_that_fit_two_customers_are_ambiguous(suggested: list[Suggestion]) -> None:
    vague = [row for row in suggested if row.reference == "Payment, thank you" and row.amount == 595]
    assert vague
    assert {row.outcome for row in vague} == {"ambiguous"}


def test_nothing_is_judged_when_nothing_changed(suggested: list[Suggestion], ledger: Any) -> None:
    again = recompute(ledger.pk, ledger.tenant_id)
    assert (again.lines, again.judged, again.settled) == (len(suggested), 0, 0)


def test_a_change_concerns_few_lines_and_gives_what_a_full_recomputation_gives(
    suggested: list[Suggestion], ledger: Any, odoo: Any, run_now: Any
) -> None:
    row = next(row for row in suggested if row.outcome == "match" and row.candidates[0]["fit"]["kind"] == "exact")
    item = row.candidates[0]["items"][0]["id"]
    store = odoo.store
    half = round(store.get("account.move.line", item)["amount_residual"] / 2, 2)
    store.write("account.move.line", item, {"amount_residual": half, "amount_residual_currency": half})
    before = {row.pk: row.computed_at for row in suggested}
    synced(run_now(ledger))
    judged = [row for row in Suggestion.objects.all() if row.computed_at > before[row.pk]]
    assert 0 < len(judged) < len(suggested)
    partial = shown()
    assert partial[row.bank_line_id][3] != row.candidates
    recompute(ledger.pk, ledger.tenant_id, full=True)
    assert shown() == partial


def test_a_line_that_the_bookkeeper_matched_is_settled_and_reopens(
    suggested: list[Suggestion], ledger: Any, odoo: Any, run_now: Any
) -> None:
    key = suggested[0].bank_line_id
    for minutes, (reconciled, state) in enumerate(((True, "settled"), (False, "open")), 1):
        odoo.store.write(STATEMENT, key, {"is_reconciled": reconciled}, stamp=NOW + timedelta(minutes=minutes))
        synced(run_now(ledger))
        assert Suggestion.objects.get(bank_line_id=key).state == state
