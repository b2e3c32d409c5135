"""The routes of finance: shapes, who may ask, what is refused, and files."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.test import Client

from finance.definitions import BUCKETS
from ipai.access import services as access
from ipai.access.models import Role
from tests.finance.ledger import USD, Ledger

pytestmark = pytest.mark.django_db
ROUTES = ("profit-and-loss", "balance-sheet", "cashflow", "trial-balance", "aging", "open-items")


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    """A customer who owes 60 of 100, a sale for cash, rent."""
    ledger.put("partners", id=5, name="=cmd|' /C calc'!A0")
    invoice, _ = ledger.move(
        "2026-01-10", ("receivable", 100, {"partner_id": 5, "date_maturity": "2026-02-10"}), ("sales", -100), kind="out_invoice"
    )
    _, payment = ledger.move("2026-03-01", ("bank", 40), ("receivable", -40, {"partner_id": 5}))
    ledger.settle(invoice, payment, 40, "2026-03-01")
    ledger.move("2026-04-01", ("bank", "7.10"), ("sales", "-7.10"))
    ledger.move("2026-04-02", ("rent", 3), ("bank", -3))
    ledger.sync()
    return ledger


class Api:
    """A caller with a token."""

    client = Client(raise_request_exception=False)

    def __init__(self, tenant: Any, *roles: str) -> None:
        self.token = access.create_token(tenant=tenant, name="-".join(roles), roles=roles, actor_name="tester")[1]

    def get(self, path: str, status: int = 200) -> Any:
        response = self.client.get(f"/api/v1/finance/{path}", HTTP_AUTHORIZATION=f"Bearer {self.token}")
        assert response.status_code == status, response.content[:500]
        return response

    def json(self, path: str, status: int = 200) -> Any:
        return self.get(path, status).json()


@pytest.fixture
def api(books: Ledger) -> Api:
    return Api(books.tenant, "auditor")


def test_profit_and_loss_as_the_contract_says(api: Api) -> None:
    body = api.json("profit-and-loss?from=2026-01-01&to=2026-06-30&period=quarter&compare=previous_year")
    assert (body["currency"], body["from"], body["to"]) == ("EUR", "2026-01-01", "2026-06-30")
    first, second = body["periods"]
    assert (second["from"], second["to"]) == ("2026-04-01", "2026-06-30")
    assert second["totals"] == {
        "income": "7.10",
        "direct_cost": "0.00",
        "gross_profit": "7.10",
        "expense": "3.00",
        "depreciation": "0.00",
        "operating_income": "4.10",
        "other_income": "0.00",
        "other_expense": "0.00",
        "net_profit": "4.10",
    }
    sales = next(one for one in first["accounts"] if one["name"] == "sales")
    assert {"code", "name", "account_type", "amount"} <= set(sales)
    assert (sales["account_type"], sales["amount"]) == ("income", "100.00")
    assert [one["from"] for one in body["comparison"]] == ["2025-01-01", "2025-04-01"]
    assert body["proof"]["ok"]
    assert body["proof"]["proven_at"]


def test_the_other_statements_as_the_contract_says(api: Api) -> None:
    sheet = api.json("balance-sheet?as_of=2026-11-23")
    assert sheet["by_type"]["asset_cash"] == "44.10"
    assert sheet["totals"] == {
        "assets": "104.10",
        "liabilities": "0.00",
        "equity": "104.10",
        "current_year_earnings": "104.10",
        "prior_years_earnings": "0.00",
    }
    rows = api.json("trial-balance?as_of=2026-02-01")["rows"]
    assert [(one["name"], one["debit"], one["credit"], one["balance"]) for one in rows] == [
        ("receivable", "100.00", "0.00", "100.00"),
        ("sales", "0.00", "100.00", "-100.00"),
    ]
    flow = api.json("cashflow?from=2026-03-15&to=2026-11-23")
    assert (flow["opening"], flow["net"], flow["closing"]) == ("40.00", "4.10", "44.10")
    assert flow["sections"] == {"operating": "4.10", "investing": "0.00", "financing": "0.00"}
    aged = api.json("aging?kind=receivable&as_of=2026-02-20&by=partner")
    assert aged["buckets"] == dict.fromkeys(BUCKETS, "0.00") | {"1_30": "100.00"}
    assert [(one["partner_id"], one["total"]) for one in aged["partners"]] == [(5, "100.00")]
    assert api.json("aging?as_of=2026-11-23&only=invoices")["total"] == "60.00"
    items = api.json("open-items?kind=receivable&as_of=2026-11-23")["results"]
    assert [(one["residual"], one["due"], one["days_late"]) for one in items] == [("60.00", "2026-02-10", 286)]


def test_without_a_day_it_is_today_by_the_portal_s_clock(api: Api) -> None:
    assert api.json("balance-sheet")["as_of"] == "2026-11-23"
    body = api.json("profit-and-loss")
    assert (body["from"], body["to"]) == ("2026-01-01", "2026-11-23")


def test_companies_with_other_currencies_are_entries_of_their_own(books: Ledger, api: Api) -> None:
    books.company(2, USD)
    books.move("2026-02-10", ("bank", 250), ("sales", -250), company=2)
    books.company(3)
    books.move("2026-02-10", ("bank", 1), ("sales", -1), company=3)
    books.sync()
    entries = api.json("balance-sheet")["entries"]
    assert [(one["currency"], one["totals"]["assets"]) for one in entries] == [("EUR", "105.10"), ("USD", "250.00")]
    assert [one["company_id"] for one in entries[0]["companies"]] == [1, 3]
    assert api.json("balance-sheet?company=2")["totals"]["assets"] == "250.00"
    books.put("currency_rates", id=1, name="2026-01-01", rate=Decimal(2), currency_id=USD)
    books.sync()
    assert api.json("balance-sheet?currency=EUR")["totals"]["assets"] == "230.10"
    assert api.json("balance-sheet?connector=books&company=3")["totals"]["assets"] == "1.00"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("balance-sheet?as_of=2026-02-30", "as_of"),
        ("balance-sheet?as_of=20260101", "as_of"),
        ("balance-sheet?as_of=0001-01-01", "as_of"),
        ("balance-sheet?company=x", "company"),
        ("balance-sheet?company=99", "company"),
        ("balance-sheet?connector=none", "connector"),
        ("balance-sheet?currency=XXX", "currency"),
        ("balance-sheet?format=pdf", "format"),
        ("balance-sheet?colour=red", "colour"),
        ("balance-sheet?as_of=", "as_of"),
        ("profit-and-loss?from=2026-02-01&to=2026-01-01", "from"),
        ("profit-and-loss?period=week", "period"),
        ("profit-and-loss?from=1950-01-01&period=month", "period"),
        ("profit-and-loss?compare=1", "compare"),
        ("aging?kind=both", "kind"),
        ("aging?by=country", "by"),
        ("aging?only=payments", "only"),
        ("open-items?limit=0", "limit"),
        ("open-items?cursor=abc", "cursor"),
        ("open-items?bucket=late", "bucket"),
        ("open-items?partner=-1", "partner"),
    ],
)
def test_what_cannot_be_answered_is_refused(api: Api, path: str, field: str) -> None:
    problem = api.json(path, 400)
    assert [one["field"] for one in problem["errors"]] == [field]


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_ask(books: Ledger, another: Any, route: str) -> None:
    for role in Role.values:
        Api(books.tenant, role).get(route, 403 if role == "operator" else 200)
    stranger = Api(another("stranger").tenant, "platform_admin")
    body = stranger.json(route)
    assert body.get("entries", body.get("results")) == []
    assert stranger.json(f"{route}?connector=books", 400)["errors"][0]["field"] == "connector"
    assert Client().get(f"/api/v1/finance/{route}").status_code == 401


def test_pages_of_open_items_follow_each_other(books: Ledger, api: Api) -> None:
    for day in (1, 1, 2, 3):
        books.move(f"2026-05-0{day}", ("receivable", day), ("sales", -day))
    books.sync()
    found, address = [], "open-items?limit=2"
    while address:
        page = api.json(address)
        found += [one["item_id"] for one in page["results"]]
        address = page["next"] and "open-items" + page["next"].partition("open-items")[2]
    assert len(found) == len(set(found)) == 5
    assert found == [one["item_id"] for one in api.json("open-items")["results"]]


def test_statements_as_files(api: Api) -> None:
    response = api.get("profit-and-loss?from=2026-01-01&to=2026-06-30&format=csv")
    assert response["Content-Disposition"] == 'attachment; filename="profit-and-loss.csv"'
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0] == ["Type", "Code", "Account", "2026-01-01 to 2026-06-30 (EUR)"]
    assert ["income", "1009", "sales", "107.10"] in rows
    assert rows[-1] == ["net_profit", "", "", "104.10"]
    for route in ("balance-sheet", "trial-balance", "cashflow"):
        book = openpyxl.load_workbook(io.BytesIO(api.get(f"{route}?format=xlsx").content))
        assert book.sheetnames == ["EUR"]
        assert any(
            isinstance(cell.value, int | float) and "(#,##0.00)" in cell.number_format for row in book["EUR"] for cell in row
        )


def test_names_in_files_are_never_formulas(api: Api) -> None:
    rows = list(csv.reader(io.StringIO(api.get("aging?format=csv").content.decode())))
    assert rows[1][1] == "'=cmd|' /C calc'!A0"
    sheet = openpyxl.load_workbook(io.BytesIO(api.get("aging?format=xlsx").content))["EUR"]
    assert (sheet["B2"].value, sheet["B2"].data_type) == ("=cmd|' /C calc'!A0", "s")
    assert sheet["H2"].value == 60
