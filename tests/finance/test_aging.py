"""What is open on any day, against figures reckoned by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finance import items, scope
from tests.finance.ledger import USD, Ledger, d

pytestmark = pytest.mark.django_db
NAMES = ("not_due", "1_30", "31_60", "61_90", "90_plus")


def buckets(entry: Any) -> list[Decimal]:
    return [entry["buckets"][name] for name in NAMES]


def test_a_partial_payment_after_the_day_is_added_back(ledger: Ledger) -> None:
    invoice, _ = ledger.move(
        "2026-01-10", ("receivable", 100, {"date_maturity": "2026-02-10"}), ("sales", -100), kind="out_invoice"
    )
    _, payment = ledger.move("2026-03-01", ("bank", 60), ("receivable", -60))
    ledger.settle(invoice, payment, 60, "2026-03-01")
    ledger.sync()
    assert buckets(ledger.aging("receivable", "2026-01-09")) == [0, 0, 0, 0, 0]
    assert buckets(ledger.aging("receivable", "2026-02-10")) == [100, 0, 0, 0, 0], "due on the day is not late"
    assert buckets(ledger.aging("receivable", "2026-02-28")) == [0, 100, 0, 0, 0]
    assert buckets(ledger.aging("receivable", "2026-03-01")) == [0, 40, 0, 0, 0]
    assert buckets(ledger.aging("receivable", "2026-03-12")) == [0, 40, 0, 0, 0], "30 days late"
    assert buckets(ledger.aging("receivable", "2026-03-13")) == [0, 0, 40, 0, 0]
    assert buckets(ledger.aging("receivable", "2026-11-23")) == [0, 0, 0, 0, 40]


def test_a_payment_before_its_invoice_is_open_until_both_are_there(ledger: Ledger) -> None:
    _, payment = ledger.move("2026-01-05", ("bank", 50), ("receivable", -50))
    invoice, _ = ledger.move("2026-02-01", ("receivable", 50), ("sales", -50), kind="out_invoice")
    ledger.settle(invoice, payment, 50, "2026-02-01")
    ledger.sync()
    assert ledger.aging("receivable", "2026-01-31")["total"] == -50
    assert ledger.aging("receivable", "2026-02-01")["total"] == 0
    assert ledger.aging("receivable", "2026-01-31", only_invoices=True)["total"] == 0


def test_instalments_are_late_each_by_its_own_due_date(ledger: Ledger) -> None:
    ledger.move(
        "2026-01-01",
        ("receivable", 30, {"date_maturity": "2026-01-31"}),
        ("receivable", 70, {"date_maturity": "2026-03-31"}),
        ("sales", -100),
        kind="out_invoice",
    )
    ledger.sync()
    assert buckets(ledger.aging("receivable", "2026-03-15")) == [70, 0, 30, 0, 0]


def test_credit_notes_and_payments_on_account_are_negative_and_left_out_with_only_invoices(ledger: Ledger) -> None:
    ledger.move("2026-01-01", ("rent", 100), ("payable", -100, {"partner_id": 5}), kind="in_invoice")
    ledger.move("2026-01-02", ("payable", 30, {"partner_id": 5}), ("rent", -30), kind="in_refund")
    ledger.move("2026-01-03", ("payable", 20, {"partner_id": 6}), ("bank", -20))
    ledger.put("partners", id=5, name="Five", complete_name="Group, Five")
    ledger.sync()
    whole = ledger.aging("payable", "2026-01-03")
    assert (whole["total"], whole["buckets"]["1_30"], whole["buckets"]["not_due"]) == (50, 70, -20)
    assert [(one["partner_id"], one["partner"], one["total"]) for one in whole["partners"]] == [
        (5, "Group, Five", 70),
        (6, "", -20),
    ]
    assert whole["proof"]["checks"][0]["holds"]
    assert ledger.aging("payable", "2026-01-03", only_invoices=True)["total"] == 100


def test_foreign_items_are_open_in_both_currencies_until_the_exchange_difference_is_booked(ledger: Ledger) -> None:
    dollars = {"currency_id": USD, "amount_currency": 110}
    invoice, _ = ledger.move("2026-01-10", ("receivable", 100, dollars), ("sales", -100), kind="out_invoice")
    _, payment = ledger.move("2026-02-10", ("bank", 90), ("receivable", -90, {"currency_id": USD, "amount_currency": -110}))
    ledger.settle(invoice, payment, 90, "2026-02-10", (110, 110))
    _, exchange = ledger.move("2026-02-10", ("loss", 10), ("receivable", -10, {"currency_id": USD, "amount_currency": 0}))
    ledger.settle(invoice, exchange, 10, "2026-02-10", (0, 0))
    ledger.move("2026-02-11", ("receivable", 50, {"currency_id": USD, "amount_currency": 60}), ("sales", -50))
    ledger.sync()
    before = ledger.aging("receivable", "2026-02-09")
    assert (before["total"], before["currencies"]["USD"]["total"]) == (100, "110.00")
    assert ledger.aging("receivable", "2026-02-10")["total"] == 0
    after = ledger.aging("receivable", "2026-02-11")
    assert (after["total"], after["currencies"]) == (50, {"USD": after["currencies"]["USD"]})
    assert after["currencies"]["USD"]["buckets"]["not_due"] == "60.00"


def test_every_day_equals_the_control_account(ledger: Ledger) -> None:
    open_invoices = [
        ledger.move(f"2026-01-{day:02d}", ("receivable", day), ("sales", -day), kind="out_invoice")[0] for day in range(1, 29, 3)
    ]
    for place, invoice in enumerate(open_invoices):
        day = d("2026-01-20") + timedelta(days=9 * place)
        amount = ledger.lines[invoice]["balance"] // 2 + 1
        _, payment = ledger.move(day.isoformat(), ("bank", amount), ("receivable", -amount))
        ledger.settle(invoice, payment, amount, max(day, ledger.lines[invoice]["date"]).isoformat())
    ledger.sync()
    for number in range(0, 130, 3):
        day = (d("2025-12-30") + timedelta(days=number)).isoformat()
        entry = ledger.aging("receivable", day)
        assert entry["proof"]["checks"][0]["holds"], day
        rows = {row["account_type"]: row["balance"] for row in ledger.trial_balance(day)["rows"]}
        assert entry["total"] == rows.get("asset_receivable", 0), day


def test_open_items_name_their_documents_and_come_by_due_date(ledger: Ledger) -> None:
    late, _ = ledger.move("2026-01-10", ("receivable", 10, {"date_maturity": "2026-05-01"}), ("sales", -10), kind="out_invoice")
    early, _ = ledger.move("2026-01-11", ("receivable", 20, {"date_maturity": "2026-04-01"}), ("sales", -20), kind="out_invoice")
    _, owed = ledger.move("2026-01-12", ("rent", 5), ("payable", -5, {"date_maturity": "2026-04-01"}), kind="in_invoice")
    ledger.sync()
    with ledger.reader() as cursor:
        found = scope.companies(cursor)
        rows = items.open_items(cursor, found, d("2026-04-11"))
        assert [(row["item_id"], row["days_late"], row["bucket"], row["residual"]) for row in rows] == [
            (early, 10, "1_30", "20.00"),
            (owed, 10, "1_30", "5.00"),
            (late, -20, "not_due", "10.00"),
        ]
        move = ledger.lines[early]["move_id"]
        assert rows[0]["url"] == f"https://erp.example.com/web#id={move}&model=account.move&view_type=form"
        after = items.Place(rows[0]["due"], ledger.connector.pk, early)
        assert [row["item_id"] for row in items.open_items(cursor, found, d("2026-04-11"), after=after)] == [owed, late]
        assert [row["item_id"] for row in items.open_items(cursor, found, d("2026-04-11"), ["payable"])] == [owed]
        assert items.open_items(cursor, found, d("2026-04-11"), bucket="31_60") == []
        sales = ledger.id_of("sales")
        behind = items.items_behind(cursor, found[0], sales, d("2026-01-11"), d("2026-12-31"))
        assert [(row["credit"], row["account"]) for row in behind] == [("20.00", "sales")]
