"""Statements of small ledgers against figures reckoned by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finance import queries, scope
from finance.periods import Period, split
from tests.finance.ledger import USD, Ledger, d

pytestmark = pytest.mark.django_db


def amounts(**given: Any) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in given.items()}


def test_each_account_type_has_its_place_in_profit_and_loss(ledger: Ledger) -> None:
    for account, amount in (
        ("sales", -1000),
        ("goods", 400),
        ("rent", 150),
        ("wear", 50),
        ("gain", -20),
        ("loss", 5),
        ("equipment", 70),
        ("guarantee", 0),
    ):
        ledger.move("2026-03-10", (account, amount), ("bank", -amount))
    ledger.sync()
    entry = ledger.profit_and_loss("2026-01-01", "2026-12-31")
    assert entry["periods"][0]["totals"] == amounts(
        income=1000,
        direct_cost=400,
        gross_profit=600,
        expense=150,
        depreciation=50,
        operating_income=400,
        other_income=20,
        other_expense=5,
        net_profit=415,
    )
    listed = {(one["name"], one["amount"]) for one in entry["periods"][0]["accounts"]}
    assert listed == {("sales", 1000), ("goods", 400), ("rent", 150), ("wear", 50), ("gain", 20), ("loss", 5)}


def test_only_posted_items_of_live_entries_on_accounts_count(ledger: Ledger) -> None:
    ledger.move("2026-03-10", ("bank", 10), ("sales", -10))
    ledger.move("2026-03-10", ("bank", 200), ("sales", -200), state="draft")
    ledger.move("2026-03-10", ("bank", 400), ("sales", -400), state="cancel")
    gone = ledger.move("2026-03-10", ("bank", 800), ("sales", -800))
    for key in gone:
        ledger.delete("journal_entries", key)
    ledger.move("2026-03-10", ("bank", 0, {"account_id": None, "display_type": "line_section"}))
    ledger.sync()
    assert ledger.profit_and_loss("2026-01-01", "2026-12-31")["periods"][0]["totals"]["income"] == 10
    assert [row["balance"] for row in ledger.trial_balance("2026-12-31")["rows"]] == [10, -10]


def test_any_days_are_the_sum_of_theirs_items(ledger: Ledger) -> None:
    days = ["2025-12-31", "2026-01-01", "2026-01-15", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-31"]
    for place, day in enumerate(days):
        ledger.move(day, ("bank", 2**place), ("sales", -(2**place)))
    ledger.sync()
    for first in (*days, "2026-01-10", "2026-02-15"):
        for last in (*days, "2026-02-10", "2026-04-15"):
            if first <= last:
                expected = sum(2**place for place, day in enumerate(days) if first <= day <= last)
                assert ledger.profit_and_loss(first, last)["periods"][0]["totals"]["income"] == expected, (first, last)


def test_earnings_follow_the_fiscal_year_of_the_company(ledger: Ledger) -> None:
    ledger.company(1, year_end=(6, 30))
    ledger.move("2024-07-01", ("bank", 1000), ("capital", -1000))
    ledger.move("2025-06-30", ("bank", 7), ("sales", -7))
    ledger.move("2025-07-01", ("bank", 30), ("sales", -30))
    ledger.move("2026-06-30", ("rent", 5), ("bank", -5))
    ledger.move("2026-07-01", ("bank", 200), ("sales", -200))
    ledger.sync()
    for day, current, prior in (("2025-06-30", 7, 0), ("2026-06-30", 25, 7), ("2026-07-01", 200, 32), ("2026-11-23", 200, 32)):
        totals = ledger.balance_sheet(day)["totals"]
        assert (totals["current_year_earnings"], totals["prior_years_earnings"]) == (current, prior), day
        assert totals["assets"] == totals["liabilities"] + totals["equity"] == 1000 + current + prior
    years = ledger.profit_and_loss("2024-07-01", "2026-12-31", step="year")["periods"]
    assert [(one["from"], one["to"], one["totals"]["net_profit"]) for one in years] == [
        (d("2024-07-01"), d("2025-06-30"), 7),
        (d("2025-07-01"), d("2026-06-30"), 25),
        (d("2026-07-01"), d("2026-12-31"), 200),
    ]


def test_off_balance_accounts_are_in_no_total(ledger: Ledger) -> None:
    ledger.move("2026-01-05", ("bank", 100), ("capital", -100))
    ledger.account("wear", "off_balance")
    ledger.move("2026-01-05", ("guarantee", 900), ("wear", -900))
    ledger.sync()
    sheet = ledger.balance_sheet("2026-11-23")
    assert (sheet["totals"]["assets"], sheet["totals"]["equity"], sheet["off_balance"]) == (100, 100, 0)
    assert sheet["proof"]["differs"] == []


def test_cash_flow_is_what_stands_against_cash(ledger: Ledger) -> None:
    ledger.move("2025-12-30", ("bank", 1000), ("capital", -1000))
    ledger.move("2026-01-10", ("bank", 95), ("rent", 5), ("receivable", -100))  # a customer paid, less the bank's fee
    ledger.move("2026-01-11", ("equipment", 300), ("bank", -300))
    ledger.move("2026-01-12", ("bank", 500), ("loan", -500))
    ledger.move("2026-01-13", ("till", 40), ("bank", -40))  # between cash accounts
    ledger.move("2026-01-14", ("transfer", 60), ("bank", -60))  # the same by way of a transfer account
    ledger.move("2026-01-15", ("till", 60), ("transfer", -60))
    ledger.move("2026-01-16", ("rent", 80), ("payable", -80))  # no cash
    ledger.move("2026-02-02", ("payable", 80), ("bank", -80))  # later
    ledger.sync()
    flow = ledger.cashflow("2026-01-01", "2026-01-31")
    assert flow["sections"] == amounts(operating=95, investing=-300, financing=500)
    assert (flow["opening"], flow["net"], flow["closing"]) == (1000, 295, 1295)
    assert [(row["section"], row["name"], row["amount"]) for row in flow["rows"]] == [
        ("operating", "receivable", 100),
        ("operating", "rent", -5),
        ("investing", "equipment", -300),
        ("financing", "loan", 500),
    ]
    assert flow["proof"]["checks"][0]["holds"]


def test_a_series_of_cash_ends_where_the_cash_flow_does(ledger: Ledger) -> None:
    for day, amount in (("2025-12-30", 1000), ("2026-01-31", 20), ("2026-02-01", -7), ("2026-03-05", 3)):
        ledger.move(day, ("bank", amount), ("sales", -amount))
    ledger.sync()
    months = split(Period(d("2026-01-01"), d("2026-03-31")), "month", (12, 31))
    with ledger.reader() as cursor:
        (series,) = queries.cash_series(cursor, scope.groups(cursor, scope.companies(cursor), d("2026-03-31")), months)
    assert (series["opening"], [one["closing"] for one in series["periods"]]) == (1000, [1020, 1013, 1016])
    assert ledger.cashflow("2026-01-01", "2026-03-31")["closing"] == 1016


def test_a_tag_says_better_where_cash_belongs_than_the_type(ledger: Ledger) -> None:
    ledger.put("account_tags", id=7, name="Investing & Extraordinary Activities", active=True)
    ledger.put("account_tags", id=8, name="1099 misc", active=True)
    from psycopg.types.json import Jsonb

    ledger.account("rent", "expense", tag_ids=Jsonb([7, 8]))
    ledger.move("2026-01-10", ("rent", 5), ("bank", -5))
    ledger.sync()
    assert ledger.cashflow("2026-01-01", "2026-01-31")["sections"]["investing"] == -5


def test_companies_are_apart_and_consolidated_at_the_rate_of_the_day(ledger: Ledger) -> None:
    ledger.company(2, USD)
    ledger.company(3)
    for key, day, rate in ((1, "2026-01-01", "1.10"), (2, "2026-03-01", "1.25"), (3, "2026-06-01", "1.50")):
        ledger.put("currency_rates", id=key, name=d(day), rate=Decimal(rate), currency_id=USD)
    ledger.move("2026-02-10", ("bank", 100), ("sales", -100))
    ledger.move("2026-02-10", ("bank", 250), ("sales", -250), company=2)
    ledger.move("2026-02-10", ("bank", 7), ("sales", -7), company=3)
    ledger.sync()
    assert ledger.profit_and_loss("2026-01-01", "2026-12-31", 2)["periods"][0]["totals"]["income"] == 250
    both = ledger.profit_and_loss("2026-01-01", "2026-03-31", None)
    assert (both["currency"], both["periods"][0]["totals"]["income"]) == ("EUR", 107)
    whole = ledger.profit_and_loss("2026-01-01", "2026-03-31", None, "EUR")
    assert whole["periods"][0]["totals"]["income"] == 107 + 200, "250 USD at 1.25"
    assert ledger.balance_sheet("2026-02-28", None, "USD")["totals"]["assets"] == 250 + Decimal("117.70")
    assert ledger.balance_sheet("2025-06-30", None, "USD")["totals"]["assets"] == 0


def test_accounts_without_a_code_and_archived_ones_count(ledger: Ledger) -> None:
    ledger.account("sales", "income", code=None, active=False)
    ledger.account("rent", "expense", code=None, code_store="777", deprecated=True)
    ledger.move("2026-02-10", ("bank", 100), ("sales", -100))
    ledger.move("2026-02-10", ("rent", 30), ("bank", -30))
    ledger.sync()
    period = ledger.profit_and_loss("2026-01-01", "2026-12-31")["periods"][0]
    assert period["totals"]["net_profit"] == 70
    assert [(one["code"], one["name"]) for one in period["accounts"]] == [("", "sales"), ("777", "rent")]


def test_a_comparison_is_in_the_order_of_the_periods(ledger: Ledger) -> None:
    for day, amount in (("2025-01-31", 1), ("2025-02-28", 2), ("2025-12-31", 4), ("2026-01-31", 8), ("2026-02-28", 16)):
        ledger.move(day, ("bank", amount), ("sales", -amount))
    ledger.sync()

    def income(how: str) -> list[Any]:
        entry = ledger.profit_and_loss("2026-01-01", "2026-02-28", step="month", compare=how)
        return [one["totals"]["income"] for part in ("periods", "comparison") for one in entry[part]]

    assert income("previous_year") == [8, 16, 1, 2]
    assert income("previous_period") == [8, 16, 4, 8]


def test_a_gate_that_does_not_hold_says_what_differs(ledger: Ledger) -> None:
    first, _ = ledger.move("2026-02-10", ("bank", 100), ("sales", -100))
    ledger.move("2026-03-10", ("receivable", 40), ("sales", -40))
    differs = {"ok": False, "differences": [{"what": "account.move.line, 1000: balance 5 in Odoo but 4 loaded"}]}
    ledger.sync(proof=differs | {"at": "2026-11-23T09:00:00+00:00", "streams": {"journal_entries": {}}})
    ledger.change(first, balance=Decimal(101))
    ledger.account("bank", "")
    receivable = next(key for key, line in ledger.lines.items() if line["account_id"] == ledger.id_of("receivable"))
    ledger.change(receivable, amount_residual=Decimal(39))
    ledger.sync(proof=differs | {"at": "2026-11-23T09:00:00+00:00", "streams": {"journal_entries": {}}})
    proof = ledger.trial_balance("2026-11-23")["proof"]
    assert not proof["ok"]
    assert proof["proven_at"] == "2026-11-23T09:00:00+00:00"
    told = {gate["gate"]: (gate["holds"], gate["detail"]) for gate in proof["gates"]}
    assert told["ledger"] == (False, "account.move.line, 1000: balance 5 in Odoo but 4 loaded")
    assert told["trial_balance"] == (False, "2026-02: debit less credit is 1")
    assert told["balance_sheet"][0] is False
    assert "1000 has 101 and no known type" in told["balance_sheet"][1]
    assert told["receivable"] == (False, "account 1002: open items 39, balance 40")
    assert told["payable"] == (True, "")
    assert len(proof["differs"]) == 4
