"""What people and agents reach by SQL: the named views and functions, and whose rows they show."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from finance import tools  # noqa: F401  (declares them)
from ipai.toolkit import tools as declared
from tests.finance.ledger import Ledger, d

pytestmark = pytest.mark.django_db
VIEWS = ("profit_and_loss", "balance_sheet", "cashflow", "trial_balance", "ar_aging", "ap_aging", "open_items", "gates")


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    ledger.move("2026-01-10", ("receivable", 100), ("sales", -100), kind="out_invoice")
    ledger.move("2026-01-11", ("rent", 30), ("payable", -30), kind="in_invoice")
    ledger.move("2026-01-12", ("bank", 7), ("capital", -7))
    ledger.sync()
    return ledger


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_shows_readers_of_gold_their_own_tenant(books: Ledger, another: Any, view: str) -> None:
    other = another("other")
    other.move("2026-01-10", ("receivable", 5), ("sales", -5))
    other.sync()
    query = f"SELECT count(*), count(*) FILTER (WHERE _connector_id = %s) FROM ipai_gold_erp.{view}"
    for role in ("platform_admin", "data_engineer", "analytics_engineer", "bi_developer", "ai_engineer", "auditor"):
        with books.reader(role) as cursor:
            cursor.execute(query, [books.connector.pk])
            every, own = cursor.fetchone()
        assert every == own > 0, role
    for roles, tenant in ((("operator",), ""), (("platform_admin",), "nobody")):
        with books.reader(*roles, tenant=tenant) as cursor:
            cursor.execute(query, [books.connector.pk])
            assert cursor.fetchone() == (0, 0)


def test_silver_shows_who_reads_bronze_the_clean_rows(books: Ledger) -> None:
    books.move("2026-01-13", ("bank", 1), ("sales", -1), state="draft")
    with books.reader("data_engineer") as cursor:
        cursor.execute("SELECT count(*), sum(debit) FROM ipai_silver_erp.journal_items")
        assert cursor.fetchone() == (6, 137)
    with books.reader("bi_developer") as cursor:
        cursor.execute("SELECT count(*) FROM ipai_silver_erp.journal_items")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT sum(amount) FROM ipai_gold_erp.profit_and_loss_between('2026-01-11', '2026-01-31')", 30),
        ("SELECT sum(balance) FROM ipai_gold_erp.trial_balance_at('2026-01-10') WHERE account_type = 'income'", -100),
        ("SELECT amount FROM ipai_gold_erp.balance_sheet_at('2026-01-11') WHERE account_type = 'current_year_earnings'", 70),
        ("SELECT amount FROM ipai_gold_erp.balance_sheet_at('2027-01-11') WHERE account_type = 'prior_years_earnings'", 70),
        ("SELECT amount FROM ipai_gold_erp.cashflow_between('2026-01-01', '2026-01-31') WHERE section = 'financing'", 7),
        ("SELECT days_1_30 FROM ipai_gold_erp.ar_aging_at('2026-02-01')", 100),
        ("SELECT not_due FROM ipai_gold_erp.ap_aging_at('2026-01-11')", 30),
        ("SELECT residual FROM ipai_gold_erp.open_items_at('2026-01-31') WHERE kind = 'payable'", 30),
    ],
)
def test_functions_of_any_day(books: Ledger, query: str, expected: int) -> None:
    with books.reader() as cursor:
        cursor.execute(query)
        assert cursor.fetchall() == [(expected,)]


def test_spans_are_found_by_an_index_with_row_level_security_on(books: Ledger) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ipai_gold_erp.open_spans SELECT _connector_id, _tenant_id, 1000 + number, company_id, kind, account_id,"
            " partner_id, currency_id, is_invoice, due, day, day + 20, ipai_gold_erp.span_node(day, day + 20), 1, 1"
            " FROM ipai_gold_erp.open_spans, generate_series(1, 5000) AS number,"
            " LATERAL (SELECT date '2010-01-01' + number) AS of (day)"
            " WHERE kind = 'receivable'"
        )
        cursor.execute("ANALYZE ipai_gold_erp.open_spans")
    with books.reader() as cursor:
        cursor.execute(
            "EXPLAIN ANALYZE SELECT * FROM ipai_gold_erp.open_at(%s, 1, 'receivable', '2016-02-01')", [books.connector.pk]
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "open_spans_day" in plan
    assert "node = ANY" in plan.partition("Index Cond")[2].partition("\n")[0]
    assert "rows=20.00" in plan.partition("\n")[0]


def test_every_span_is_filed_on_the_way_to_each_of_its_days(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            "SELECT count(*), bool_and(ipai_gold_erp.span_node(first, last + 1) = ANY (ipai_gold_erp.days_above(day))) FROM ("
            "  SELECT first, first + length AS last, first + (random() * length)::int AS day FROM ("
            "    SELECT date '1990-01-01' + (random() * 20000)::int AS first, (power(random(), 4) * 9000)::int AS length"
            "    FROM generate_series(1, 5000)) AS made) AS spans"
        )
        assert cursor.fetchone() == (5000, True)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("profit_and_loss", {"first": "2026-01-01", "last": "2026-12-31", "period": "month"}),
        ("balance_sheet", {"as_of": "2026-11-23"}),
        ("trial_balance", {}),
        ("cashflow", {"company": 1}),
        ("aging", {"kind": "payable", "only_invoices": True}),
        ("open_items", {"limit": 1}),
    ],
)
def test_tools_answer_with_the_caller_s_rights(books: Ledger, name: str, arguments: dict[str, Any]) -> None:
    tool = declared()[name]
    assert tool.schemas == ("ipai_gold_erp",)
    assert tool.operations == ("read",)
    with books.reader("ai_engineer") as cursor:
        assert len(tool.call(cursor, arguments)) == 1
    with books.reader("operator") as cursor:
        assert tool.call(cursor, {key: value for key, value in arguments.items() if key != "company"}) == []


def test_the_tool_of_the_sheet_says_the_figures_as_text(books: Ledger) -> None:
    with books.reader() as cursor:
        entry = declared()["balance_sheet"].call(cursor, {"as_of": d("2026-11-23").isoformat()})[0]
    assert (entry["as_of"], entry["totals"]["assets"], entry["proof"]["ok"]) == ("2026-11-23", "107.00", True)
