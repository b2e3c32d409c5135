"""The demo company keeps honest books, and its past."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.demo.odoo import app
from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import FakeOdoo
from connectors.demo.odoo.store import Store
from tests.support.odoo import bulk_store

NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
LINE = "account.move.line"


@pytest.fixture(scope="module")
def ledger() -> Store:
    """The demo company in March 2026; nobody changes it."""
    return demo_store(NOW)


def cents(value: float) -> int:
    return round(value * 100)


def ask(fake: FakeOdoo, method: str, *args, **kwargs):
    """The result of a method of journal items."""
    params = {"service": "object", "method": "execute_kw", "args": ["demo", 2, "demo", LINE, method, args, kwargs]}
    with httpx.Client(transport=httpx.WSGITransport(app=fake), base_url="https://odoo.demo.invalid") as http:
        return http.post("/jsonrpc", json={"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).json()["result"]


# The books


def test_every_move_balances(ledger):
    totals: Counter[int] = Counter()
    for row in ledger.all(LINE):
        assert cents(row["debit"]) - cents(row["credit"]) == cents(row["balance"])
        totals[row["move_id"]] += cents(row["balance"])
    assert len(totals) == len(ledger.rows["account.move"])
    assert set(totals.values()) == {0}


def test_residuals_are_amounts_less_partials(ledger):
    settled, settled_currency = Counter(), Counter()
    for row in ledger.all("account.partial.reconcile"):
        settled[row["debit_move_id"]] += cents(row["amount"])
        settled[row["credit_move_id"]] -= cents(row["amount"])
        settled_currency[row["debit_move_id"]] += cents(row["debit_amount_currency"])
        settled_currency[row["credit_move_id"]] -= cents(row["credit_amount_currency"])
    checked = 0
    for row in ledger.all(LINE):
        if ledger.related(LINE, row, "account_id.reconcile"):
            checked += 1
            assert cents(row["amount_residual"]) == cents(row["balance"]) - settled[row["id"]]
            assert cents(row["amount_residual_currency"]) == cents(row["amount_currency"]) - settled_currency[row["id"]]
            posted = row["parent_state"] == "posted"
            assert row["reconciled"] is (posted and row["amount_residual"] == row["amount_residual_currency"] == 0)
    assert checked > 800


def test_heads_agree_with_their_lines(ledger):
    for move in ledger.all("account.move"):
        if move["move_type"] == "entry":
            continue
        lines = [ledger.get(LINE, key) for key in ledger.children(LINE, "move_id", move["id"])]
        due = [row for row in lines if row["display_type"] == "payment_term"]
        assert cents(move["amount_total_signed"]) == sum(cents(row["balance"]) for row in due)
        assert cents(move["amount_total"]) == abs(sum(cents(row["amount_currency"]) for row in due))
        assert cents(move["amount_residual_signed"]) == sum(cents(row["amount_residual"]) for row in due)
        parts = cents(move["amount_untaxed_signed"]) + cents(move["amount_tax_signed"])
        assert parts == cents(move["amount_total_signed"])
        settled = move["payment_state"] in ("paid", "in_payment", "reversed")
        assert all(row["reconciled"] for row in due) is settled
        assert move["invoice_date_due"] == max(row["date_maturity"] for row in due)


def test_a_full_reconcile_leaves_nothing_open(ledger):
    matched: dict[int, list[dict]] = {}
    for row in ledger.all(LINE):
        matched.setdefault(row["full_reconcile_id"], []).append(row)
    loose = matched.pop(False)
    assert len(matched) == len(ledger.rows["account.full.reconcile"])
    for key, rows in matched.items():
        assert sum(cents(row["balance"]) for row in rows) == sum(cents(row["amount_currency"]) for row in rows) == 0
        assert all(row["reconciled"] and row["matching_number"] == str(key) for row in rows)
    assert all(row["matching_number"] is False or row["matching_number"].startswith("P") for row in loose)


def test_the_company_shows_what_finance_must_cope_with(ledger):
    moves = list(ledger.all("account.move"))
    assert {row["state"] for row in moves} == {"draft", "posted", "cancel"}
    assert {row["payment_state"] for row in moves} == {"not_paid", "partial", "in_payment", "paid", "reversed"}
    assert {row["move_type"] for row in moves} == {"entry", "out_invoice", "out_refund", "in_invoice", "in_refund"}
    assert any(row["exchange_move_id"] for row in ledger.all("account.partial.reconcile"))
    assert any(row["amount_residual"] < 0 for row in ledger.all(LINE) if row["payment_id"])  # a payment on account
    dues = Counter(row["move_id"] for row in ledger.all(LINE) if row["display_type"] == "payment_term")
    assert max(dues.values()) == 2
    assert [row["active"] for row in ledger.all("res.partner")].count(False) == 2
    assert [row["name"] for row in ledger.all("res.currency") if row["active"]] == ["EUR", "USD"]
    assert len(ledger.rows["hr.expense"]) == 5


@pytest.mark.parametrize("month", range(6, 30))
def test_the_bank_leaves_something_to_reconcile(month):
    store = demo_store(datetime(2025 + (month - 1) // 12, (month - 1) % 12 + 1, 14, 12, tzinfo=UTC))
    waiting = [row for row in store.all("account.bank.statement.line") if not row["is_reconciled"]]
    assert 9 <= len(waiting) <= 11
    references = [row["payment_ref"] for row in waiting]
    assert any(reference.startswith("Invoice INV/") for reference in references)
    assert any(reference.startswith("TRANSFER ") for reference in references)
    assert "Payment, thank you" in references


def test_read_group_is_a_plain_sum(ledger):
    plain: Counter[tuple[int, str]] = Counter()
    for row in ledger.all(LINE):
        if row["parent_state"] == "posted":
            plain[row["account_id"], row["date"][:7]] += cents(row["balance"])
    domain = [["parent_state", "=", "posted"]]
    groups = ask(FakeOdoo(ledger), "read_group", domain, ["balance:sum"], ["account_id", "date:month"], lazy=False)
    found = {(group["account_id"][0], group["__range"]["date:month"]["from"][:7]): cents(group["balance"]) for group in groups}
    assert found == dict(plain)
    labels = [group["account_id"][1] for group in groups]
    assert labels == sorted(labels)
    first = groups[0]
    assert first["account_id"] == [1, "101401 Bank"]
    assert (first["date:month"], first["__range"]["date:month"]) == ("January 2025", {"from": "2025-01-01", "to": "2025-02-01"})
    assert ask(FakeOdoo(ledger), "search_count", first["__domain"]) == first["__count"]


# A living company


@pytest.mark.parametrize("days", [1, 40, 400])
def test_the_past_stays_as_it_was(ledger, days):
    later = demo_store(NOW + timedelta(days=days))
    seen = f"{NOW:%Y-%m-%d %H:%M:%S.%f}"
    for model, rows in ledger.rows.items():
        untouched = {key: row for key, row in later.rows[model].items() if row["write_date"] <= seen}
        assert untouched == {key: rows[key] for key in untouched}
        assert all(key > max(rows, default=0) for key in later.rows[model].keys() - rows.keys())
    assert max(row["write_date"] for row in later.all("account.move")) > seen


def test_payment_moves_an_invoice_and_all_its_lines(ledger):
    later = demo_store(NOW + timedelta(days=60))
    before = {row["id"]: row for row in ledger.all("account.move") if row["payment_state"] == "not_paid" and row["amount_residual"]}
    paid = [later.get("account.move", key) for key in before if later.get("account.move", key)["payment_state"] == "paid"]
    assert len(paid) > 5
    for move in paid:
        assert move["write_date"] > before[move["id"]]["write_date"]
        lines = [later.get(LINE, key) for key in later.children(LINE, "move_id", move["id"])]
        assert {row["write_date"] for row in lines} == {move["write_date"]}


def test_the_same_moment_gives_the_same_books(ledger):
    assert demo_store(NOW).rows == ledger.rows


def test_the_demo_follows_the_clock_by_the_hour():
    moment = [NOW]
    fake = app(now=lambda: moment[0])
    first = fake.store
    ask(fake, "search_count", [])
    assert fake.store is first
    moment[0] = NOW + timedelta(days=3)
    count = ask(fake, "search_count", [])
    assert fake.store is not first
    assert count == len(demo_store(moment[0].replace(minute=0)).rows[LINE])


def test_twenty_thousand_lines_in_two_seconds():
    start = time.perf_counter()
    store = bulk_store(20_000)
    assert time.perf_counter() - start < 2
    assert len(store.rows[LINE]) == 20_000
