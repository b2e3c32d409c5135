"""The pages at /finance/: what they show equals the queries, every amount leads to what it counts, and doubt is never hidden."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client

from connectors.models import ConnectorRun, RunStream
from finance.money import money
from ipai.access import sessions
from ipai.access.models import Tenant
from ipai.access.services import create_person, create_tenant
from tests.finance.ledger import CHART, USD, Ledger, d

pytestmark = pytest.mark.django_db
STATEMENTS = ("/finance/profit-and-loss/", "/finance/balance-sheet/", "/finance/cashflow/", "/finance/trial-balance/")
PAGES = ("/finance/", *STATEMENTS, "/finance/ageing/", "/finance/open-items/")
HOSTILE = "<script>alert('x')</script>&\"'"
YEAR = "range=custom&from=2026-01-01&to=2026-11-23"


def login(*roles: str, tenant: Tenant | None = None, name: str = "reader") -> Client:
    http = Client()
    http.force_login(create_person(name, actor_name="test", roles=roles, password="a-long-enough-1", tenant=tenant))
    return http


@pytest.fixture
def http(db: None) -> Client:
    return login("bi_developer")


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    """Sales, costs and a bank; a customer who owes 60.55 since February, a vendor bill that is not due, last year's sales."""
    ledger.put("partners", id=5, name="Northwind")
    ledger.put("partners", id=6, name="Paper")
    ledger.move("2025-05-01", ("bank", 500), ("sales", -500))
    ledger.move("2025-06-01", ("bank", 1000), ("capital", -1000))
    sold = ("receivable", "1100.55", {"partner_id": 5, "date_maturity": "2026-02-10"})
    invoice, _ = ledger.move("2026-01-10", sold, ("sales", "-1100.55"), kind="out_invoice")
    _, payment = ledger.move("2026-03-01", ("bank", 1040), ("receivable", -1040, {"partner_id": 5}))
    ledger.settle(invoice, payment, 1040, "2026-03-01")
    ledger.move("2026-04-02", ("rent", 300), ("bank", -300))
    bill = ("payable", -80, {"partner_id": 6, "date_maturity": "2026-12-20"})
    ledger.move("2026-11-20", ("goods", 80), bill, kind="in_invoice")
    ledger.move("2026-05-01", ("equipment", 200), ("bank", -200))
    ledger.sync()
    return ledger


def page(response: Any) -> str:
    assert response.status_code == 200
    found: str = response.content.decode().split('<main class="c-page">')[1].split("</main>")[0]
    return found


def text(response: Any) -> str:
    """What a person reads, without the sidebar."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page(response), flags=re.S))).strip()


def cells(row: str) -> list[str]:
    """The cells of a table row as text; negatives in parentheses become signed again."""
    said = [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", row, re.S)]
    return [re.sub(r"minus \((.*)\)", r"-\1", re.sub(r"\s+", " ", one).strip()).replace(",", "") for one in said]


def line(response: Any, name: str) -> list[str]:
    """The cells of a line of a statement."""
    row = re.search(rf'<tr class="[^"]*" data-line="{name}">.*?</tr>', page(response), re.S)
    assert row, name
    return cells(row[0])


def account(response: Any, label: str) -> tuple[list[str], list[str]]:
    """The cells of an account and where they lead."""
    rows = [
        row
        for row in re.findall(r'<tr class="f-account">.*?</tr>', page(response), re.S)
        if f">{label}<" in row or f" {label}<" in row
    ]
    assert len(rows) == 1, label
    return cells(rows[0]), [unescape(one) for one in re.findall(r'<td[^>]*><a href="([^"]+)"', rows[0])]


@pytest.mark.parametrize("address", PAGES)
def test_without_a_ledger_each_page_says_what_to_do(http: Client, address: str) -> None:
    shown = text(http.get(address))
    assert "No ledger yet" in shown
    assert "Connect Odoo" not in shown  # a bi developer cannot; who can is told where
    assert "Connect Odoo" in text(login("data_engineer", name="maker").get(address))


@pytest.mark.parametrize("address", PAGES)
def test_each_page_needs_a_role_and_shows_no_other_tenants_books(books: Ledger, http: Client, address: str) -> None:
    assert "Equals Odoo as of 10:00 UTC" in text(http.get(address))
    assert Client().get(address).status_code == 302
    assert login("operator", name="operator").get(address).status_code == 403
    other = create_tenant("other", "Other", actor_name="test")
    assert "No ledger yet" in text(login("platform_admin", tenant=other, name="stranger").get(address))


@pytest.mark.parametrize(
    "role", ["platform_admin", "data_engineer", "analytics_engineer", "bi_developer", "ai_engineer", "auditor"]
)
def test_roles_that_read_gold_open_the_pages(books: Ledger, role: str) -> None:
    assert "1,160.55" not in text(login(role, name=role).get(f"/finance/?{YEAR}"))
    assert "720.55 EUR" in text(http := login(role, name=f"{role}2").get(f"/finance/?{YEAR}")), http


def test_the_overview_equals_the_statements(books: Ledger, http: Client) -> None:
    response = http.get(f"/finance/?{YEAR}")
    shown = text(response)
    result = books.profit_and_loss("2026-01-01", "2026-11-23")["periods"][0]["totals"]
    sheet = books.balance_sheet("2026-11-23")
    owed = books.aging("receivable", "2026-11-23")
    owing = books.aging("payable", "2026-11-23")
    for title, amount in (
        ("Net profit", result["net_profit"]),
        ("Cash", sheet["by_type"]["asset_cash"]),
        ("Receivable", owed["total"]),
        ("Payable", owing["total"]),
    ):
        assert re.search(rf"{title} \? {Decimal(money(amount, 2)):,} EUR", shown), title
    assert "Gross margin ? 92.7%" in shown  # (1100.55 - 80) / 1100.55
    assert re.search(r"Receivable \? 60.55 EUR nothing to compare with overdue 60.55", shown)
    assert re.search(r"Payable \? 80.00 EUR nothing to compare with overdue 0.00", shown)
    assert "Net profit ? 720.55 EUR ▲ up 44.1% from 500.00" in shown
    assert "Cash ? 2,040.00 EUR ▲ up 36.0% from 1,500.00" in shown
    assert "Nov 2026 0.00 80.00 minus (80.00)" in shown
    assert "26 Apr 2026" not in shown
    assert "15 Nov 2026 2,040.00 0.00" in shown


def test_cards_lead_down_and_keep_whose_figures_and_which_days(books: Ledger, http: Client) -> None:
    found = re.findall(r'<a class="f-cover" href="([^"]+)"', page(http.get(f"/finance/?{YEAR}")))
    leads = [unescape(one) for one in found]
    assert leads[0] == f"/finance/profit-and-loss/?{YEAR}"
    assert [
        text(http.get(one)).startswith(title)
        for one, title in zip(leads, ("Profit", "Profit", "Cash", "Ageing", "Ageing"), strict=True)
    ]
    assert "60.55 EUR open" in text(http.get(leads[3]))
    assert "80.00 EUR open" in text(http.get(leads[4]))


def test_profit_and_loss_by_month_with_comparison_and_total(books: Ledger, http: Client) -> None:
    whole = http.get(f"/finance/profit-and-loss/?{YEAR}")
    assert line(whole, "gross_profit") == ["1020.55", "500.00", "520.55", "104.1%"]
    assert line(whole, "net_profit") == ["720.55", "500.00", "220.55", "44.1%"]
    months = line(http.get(f"/finance/profit-and-loss/?{YEAR}&by=month&compare=none"), "net_profit")
    entry = books.profit_and_loss("2026-01-01", "2026-11-23", step="month")
    assert months == [*(money(one["totals"]["net_profit"], 2) for one in entry["periods"]), "720.55"]
    assert line(http.get(f"/finance/profit-and-loss/?{YEAR}&by=quarter"), "income")[-1] == "1100.55"
    assert "In" not in text(http.get(f"/finance/profit-and-loss/?{YEAR}&compare=none")).split("Account")[1].split("Income")[0]


def test_the_balance_sheet_balances_on_the_page(books: Ledger, http: Client) -> None:
    response = http.get("/finance/balance-sheet/?as_of=2026-11-23&by=quarter&compare=none")
    entry = books.balance_sheet("2026-11-23")
    assert line(response, "assets")[-1] == money(entry["totals"]["assets"], 2) == "2300.55"
    assert line(response, "both") == line(response, "assets")
    assert line(response, "equity")[-1] == "1000.00"
    assert line(response, "total_equity")[-1] == "2220.55"
    assert line(response, "prior_years_earnings")[-1] == "500.00"
    assert line(response, "assets")[:2] == [
        money(books.balance_sheet(day)["totals"]["assets"], 2) for day in ("2025-12-31", "2026-03-31")
    ]


def test_the_cash_flow_begins_where_it_ended(books: Ledger, http: Client) -> None:
    response = http.get(f"/finance/cashflow/?{YEAR}&by=quarter&compare=none")
    opening, closing = line(response, "opening"), line(response, "closing")
    assert opening == ["1500.00", *closing[:3], "1500.00"]
    assert closing[-1] == "2040.00"
    assert line(response, "investing")[-1] == "-200.00"
    assert line(response, "operating")[-1] == "740.00"
    amounts, leads = account(response, "rent")
    assert amounts == ["0.00", "-300.00", "0.00", "0.00", "-300.00"]
    assert "minus (300.00)" in text(http.get(leads[1]))
    assert "No journal item" in text(http.get(leads[0]))


def test_the_trial_balance_sums_to_zero_and_has_every_account(books: Ledger, http: Client) -> None:
    response = http.get("/finance/trial-balance/?as_of=2026-11-23")
    entry = books.trial_balance("2026-11-23")
    assert page(response).count('class="f-account"') == len(entry["rows"])
    assert line(response, "")[:3] == [money(entry["totals"][name], 2) for name in ("debit", "credit", "balance")]
    assert account(response, "bank")[0] == ["2540.00", "500.00", "2040.00", "1500.00", "540.00", "36.0%"]


def test_an_amount_leads_to_journal_items_and_those_to_odoo(books: Ledger, http: Client) -> None:
    amounts, leads = account(http.get(f"/finance/profit-and-loss/?{YEAR}"), "sales")
    assert amounts[:2] == ["1100.55", "500.00"]
    items = http.get(leads[0])
    assert "1007 sales (Income) · Company 1 · 1 Jan – 23 Nov 2026" not in text(items)  # the code is what the chart says
    assert "Moved, 1 Jan – 23 Nov 2026 0.00 1,100.55" in text(items)
    balance = http.get(account(http.get("/finance/balance-sheet/?as_of=2026-11-23"), "bank")[1][0])
    shown = text(balance)
    assert "Balance before 1 Jan 2026 1,500.00" in shown
    assert "Balance 23 Nov 2026 2,040.00" in shown
    part = http.get(leads[0], headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "1,100.55" in part


def test_documents_lead_to_odoo_where_the_connector_says_how(books: Ledger, http: Client) -> None:
    ledger_run = ConnectorRun.objects.filter(connector=books.connector).first()
    RunStream.objects.create(run=ledger_run, stream="invoices", target="ipai_bronze_erp.invoices")
    shown = page(http.get("/finance/open-items/?kind=receivable"))
    (link,) = re.findall(r'<a href="(https://erp.example.com/[^"]+)" target="_blank" rel="noopener noreferrer"', shown)
    assert "account.move" in link
    books.connector.config["url"] = "javascript:alert(1)//"
    books.connector.save()
    assert "javascript:" not in page(http.get("/finance/open-items/?kind=receivable"))


def test_ageing_opens_to_items_that_sum_to_the_line(books: Ledger, http: Client) -> None:
    _invoice, _ = books.move("2026-10-01", ("receivable", 50, {"partner_id": 5}), ("sales", -50), kind="out_invoice")
    books.move("2026-11-01", ("receivable", "9.45"), ("sales", "-9.45"))
    dollars = ("receivable", 90, {"partner_id": 6, "currency_id": USD, "amount_currency": 100, "date_maturity": "2027-01-01"})
    books.move("2026-11-02", dollars, ("sales", -90), kind="out_invoice")
    books.sync()
    response = http.get("/finance/ageing/?as_of=2026-11-23")
    entry = books.aging("receivable", "2026-11-23")
    assert f"{entry['total']} EUR open" in text(response)
    amounts, leads = account(response, "Northwind")
    assert amounts == ["110.55", "0.00", "0.00", "50.00", "0.00", "60.55", "110.55"]
    assert "Total 110.55 EUR" in text(http.get(leads[-1]))
    assert "Total 9.45 EUR" in text(http.get(account(response, "Without a partner")[1][-1]))
    assert "286 days late" in text(http.get(leads[-1]))
    only = http.get("/finance/ageing/?as_of=2026-11-23&only=invoices")
    assert "200.55 EUR open" in text(only)
    dollars_only = http.get("/finance/ageing/?as_of=2026-11-23&documents=USD")
    assert "100.00 USD open" in text(dollars_only)
    assert "Northwind" not in text(dollars_only)
    assert "Total 100.00 USD" in text(http.get(account(dollars_only, "Paper")[1][-1]))
    assert text(http.get("/finance/ageing/?as_of=2026-11-23&q=north")).count("Northwind") == 1
    bucket = http.get("/finance/open-items/?kind=receivable&as_of=2026-11-23&bucket=31_60")
    assert "Total 50.00 EUR" in text(bucket)
    earlier = http.get("/finance/ageing/?as_of=2026-02-28")  # before the payment
    assert "1,100.55 EUR open" in text(earlier)


def test_currencies_are_kept_apart_or_converted_and_always_named(books: Ledger, http: Client) -> None:
    books.company(2, currency=USD)
    for key, (currency, rate) in enumerate(((1, "1"), (USD, "1.25")), 1):
        books.put("currency_rates", id=key, name=d("2020-01-01"), currency_id=currency, rate=Decimal(rate))
    books.move("2026-02-01", ("bank", 125), ("sales", -125), company=2)
    books.sync()
    apart = text(http.get(f"/finance/profit-and-loss/?{YEAR}"))
    assert "Profit and loss in EUR: Company 1" in apart
    assert "Profit and loss in USD: Company 2" in apart
    one = http.get(f"/finance/profit-and-loss/?{YEAR}&company=2")
    assert line(one, "net_profit")[0] == "125.00"
    assert "loss in EUR" not in text(one)
    together = http.get(f"/finance/profit-and-loss/?{YEAR}&currency=EUR")
    assert line(together, "net_profit")[0] == "820.55"
    assert "loss in USD" not in text(together)
    assert http.get("/finance/?company=3").status_code == 404
    assert http.get("/finance/?currency=XXX").status_code == 404


def test_two_connectors_with_the_same_ids_stay_apart(books: Ledger, http: Client) -> None:
    second = Ledger(books.tenant, "second")
    second.put("partners", id=5, name="Southwind")
    second.move("2026-02-01", ("receivable", 7, {"partner_id": 5}), ("sales", -7), kind="out_invoice")
    second.sync()
    both = http.get(f"/finance/profit-and-loss/?{YEAR}&compare=none")
    assert line(both, "income") == ["1107.55"]
    leads = sorted(unescape(one) for one in re.findall(r'<td[^>]*><a href="([^"]+account=11009[^"]*)"', page(both)))
    assert [re.search(r"company=([^&]+)", one)[1] for one in leads] == ["1%40books", "1%40second"]  # type: ignore[index]
    assert "Moved, 1 Jan – 23 Nov 2026 0.00 7.00" in text(http.get(leads[1]))
    ages = http.get("/finance/ageing/?as_of=2026-11-23")
    assert "Total 7.00 EUR" in text(http.get(account(ages, "Southwind")[1][-1]))
    assert line(http.get(f"/finance/profit-and-loss/?{YEAR}&compare=none&company=1@second"), "income") == ["7.00"]


@pytest.mark.parametrize("address", PAGES)
def test_a_broken_gate_is_a_red_band_that_says_what_differs_and_figures_stay(books: Ledger, http: Client, address: str) -> None:
    differs = {"what": "Journal items: debit is 1.00 lower than in Odoo"}
    books.sync(proof={"ok": False, "differences": [differs], "at": "2026-11-23T10:42:00+00:00", "streams": {"journal_entries": {}}})
    response = http.get(address)
    shown = text(response)
    assert "Do not rely on these figures" in shown
    assert "Journal items: debit is 1.00 lower than in Odoo" in shown
    assert 'class="f-band f-is-bad" open' in page(response)
    assert 'role="alert"' in page(response)
    assert "Equals Odoo" not in shown
    assert "EUR" in shown


def test_a_gate_of_gold_that_breaks_is_told_with_its_difference(books: Ledger, http: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ipai_gold_erp.account_months SET balance = balance + 5 WHERE date = '2026-03-01' AND cash = 0")
        cursor.execute("UPDATE ipai_gold_erp.account_days SET balance = balance + 5 WHERE date = '2026-03-01' AND cash = 0")
    shown = text(http.get("/finance/balance-sheet/"))
    assert "Do not rely on these figures" in shown
    assert "Not so: Assets equal liabilities and equity" in shown
    assert "differs by 5.00" in shown


def test_what_was_never_proven_or_long_ago_or_is_behind_is_not_called_equal(books: Ledger, http: Client, settings: Any) -> None:
    settings.IPAI_NOW += timedelta(hours=23)
    shown = text(http.get("/finance/"))
    assert "Proven long ago" in shown
    assert "last equal to Odoo 23 Nov 2026 10:00 UTC" in shown
    assert "Equals Odoo as of" not in shown
    ConnectorRun.objects.filter(connector=books.connector).delete()
    books.run.save(force_insert=True)
    books.sync(proof={"streams": {}})
    assert "Never compared with Odoo" in text(http.get("/finance/"))


def test_a_run_that_ended_since_is_told(books: Ledger, http: Client) -> None:
    books.run.ended_at, books.run.status = datetime.now(UTC) + timedelta(minutes=1), "success"
    books.run.save()
    shown = text(http.get("/finance/"))
    assert "New rows are not in these figures yet" in shown
    assert "Equals Odoo as of" not in shown


@pytest.mark.parametrize("address", PAGES)
def test_hostile_names_are_text(books: Ledger, http: Client, address: str) -> None:
    books.put("companies", id=1, name=HOSTILE, currency_id=1, fiscalyear_last_month="12", fiscalyear_last_day=31)
    books.put("partners", id=5, name=HOSTILE)
    for name in ("bank", "sales", "rent"):
        values = {"code": name, "name": HOSTILE, "account_type": CHART[name]}
        books.put("accounts", id=books.id_of(name), **values)
    proof = {"ok": False, "differences": [{"what": HOSTILE}], "at": "2026-11-23T10:42:00+00:00", "streams": {"journal_entries": {}}}
    books.sync(proof=proof)
    shown = http.get(address).content.decode()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


MADE_UP = (
    *("range=forever", "from=soon&to=never", "from=2026-12-31&to=2026-01-01", "as_of=0001-01-01", "as_of=9999-12-31", "by=second"),
    *(
        "compare=x&by=month",
        "range=custom&from=1900-01-01&by=month",
        "kind=both",
        "bucket=old",
        "partner=x",
        "cursor=x",
        "q=%00x"[:2],
    ),
    *("documents=%27%3B--", "only=x", "company=", "currency=", "connector=x", "currency_of=x", "format=pdf"),
)


@pytest.mark.parametrize("address", PAGES)
def test_addresses_that_somebody_made_up_do_no_harm(books: Ledger, http: Client, address: str) -> None:
    assert [query for query in MADE_UP if http.get(f"{address}?{query}").status_code != 200] == []


def test_journal_items_of_nothing_are_not_found(books: Ledger, http: Client) -> None:
    for query in (
        "",
        "company=1",
        "company=1&account=x",
        "company=1&account=99",
        "company=7&account=11009",
        "company=x&account=11009",
    ):
        assert http.get(f"/finance/items/?{query}").status_code == 404, query
    assert http.get("/finance/items/?company=1&account=11000&after=x").status_code == 200


def test_long_lists_go_on_where_they_ended(books: Ledger, http: Client) -> None:
    for number in range(130):
        books.move("2026-06-01", ("receivable", 1, {"partner_id": 5}), ("sales", -1, {"name": f"n{number}"}), kind="out_invoice")
    books.sync()
    seen = 0
    for address in (
        f"/finance/items/?company=1&account={books.id_of('sales')}&from=2026-06-01",
        "/finance/open-items/?kind=receivable",
    ):
        shown, seen = page(http.get(address)), 0
        while True:
            seen += shown.count('<td class="c-now">1 Jun 2026</td>')
            following = re.search(r'<a class="c-btn c-small" href="([^"]+)">Next', shown)
            if not following:
                break
            shown = page(http.get(address.partition("?")[0] + unescape(following[1])))
        assert seen >= 130, address
    assert seen == 260  # an open item shows its date and its due date


@pytest.mark.parametrize("address", STATEMENTS)
def test_files_have_the_lines_and_columns_of_the_page(books: Ledger, http: Client, address: str) -> None:
    asked = f"{address}?{YEAR}&as_of=2026-11-23"
    answer = http.get(f"{asked}&format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    last = {"/finance/profit-and-loss/": "net_profit", "/finance/balance-sheet/": "both", "/finance/cashflow/": "closing"}
    shown = line(http.get(asked), last.get(address, ""))
    assert [one.replace("−", "-") for one in shown if one != "–"] == [one for one in rows[-1][2:] if one]
    assert "(EUR)" in rows[0][2]
    book = openpyxl.load_workbook(io.BytesIO(http.get(f"{asked}&format=xlsx").content))
    assert book["EUR"].max_row == len(rows)
    assert Decimal(str(book["EUR"].cell(len(rows), 3).value)) == Decimal(rows[-1][2])


def test_ageing_is_saved_with_every_partner(books: Ledger, http: Client) -> None:
    answer = http.get("/finance/ageing/?kind=payable&format=csv").content.decode()
    assert "6,Paper,80.00,0.00,0.00,0.00,0.00,80.00" in answer


def test_a_database_that_takes_too_long_is_an_error_page_that_says_so(books: Ledger, monkeypatch: Any) -> None:
    http = login("auditor", name="waiting")
    monkeypatch.setattr(sessions, "TIMEOUT_MS", 800)
    with connection.cursor() as cursor:  # a bucket that takes its time
        cursor.execute(
            "CREATE OR REPLACE FUNCTION ipai_gold_erp.aging_bucket(as_of date, due date) RETURNS text"
            " LANGUAGE sql AS $$ SELECT '1_30' FROM pg_sleep(3) $$"
        )
    answer = http.get("/finance/ageing/")
    assert answer.status_code == 503
    assert b"The figures could not be read" in answer.content


def test_figures_say_how_they_are_computed(books: Ledger, http: Client) -> None:
    shown = page(http.get("/finance/profit-and-loss/"))
    assert 'aria-label="How Gross profit is computed: Income less cost of revenue."' in shown
    assert "Debits less credits, up to and with the day, on accounts of type Receivables." in page(
        http.get("/finance/balance-sheet/")
    )
