"""A refresh counts what changed and nothing else, and ends where counting everything again would."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.models import ConnectorRun
from finance import services
from ipai.access.models import Tenant
from ipai.toolkit import Load, loaded
from tests.finance.ledger import CHART, USD, Ledger, d

TABLES = {
    "journal_items": "id",
    "account_days": "company_id, date, account_id",
    "account_months": "company_id, date, account_id",
    "open_spans": "item_id, valid_from",
    "accounts": "id",
    "companies": "id",
    "partners": "id",
    "currency_rates": "id",
    "gates": "gate, company_id",
}


def gold(ledger: Ledger) -> dict[str, list[Any]]:
    """Everything that a refresh has made for a connector, but for when."""
    found = {}
    with connection.cursor() as cursor:
        for table, order in TABLES.items():
            cursor.execute(
                f"SELECT to_jsonb(t) - 'proven_at' FROM ipai_gold_erp.{table} AS t WHERE _connector_id = %s ORDER BY {order}",
                [ledger.connector.pk],
            )
            found[table] = [row[0] for row in cursor.fetchall()]
    return found


DAYS = st.integers(0, 800).map(lambda number: (d("2024-06-01") + timedelta(days=number)).isoformat())
AMOUNTS = st.integers(1, 5000).map(lambda cents: Decimal(cents) / 100)
ACCOUNTS = st.sampled_from(sorted(CHART))
STEPS = st.one_of(
    st.tuples(st.just("entry"), DAYS, ACCOUNTS, ACCOUNTS, AMOUNTS, st.sampled_from(["posted", "posted", "posted", "draft"])),
    st.tuples(st.just("pay"), st.integers(0, 99), DAYS, st.integers(1, 100)),
    st.tuples(st.just("unpay"), st.integers(0, 99)),
    st.tuples(st.just("state"), st.integers(0, 99), st.sampled_from(["draft", "posted", "cancel"])),
    st.tuples(st.just("day"), st.integers(0, 99), DAYS),
    st.tuples(st.just("account"), st.integers(0, 99), ACCOUNTS),
    st.tuples(st.just("delete"), st.integers(0, 99)),
    st.tuples(st.just("type"), ACCOUNTS, ACCOUNTS),
    st.tuples(st.just("company"), st.integers(0, 99)),
    st.tuples(st.just("partner"), st.integers(0, 99), st.integers(1, 3)),
    st.just(("sync",)),
)


def picked(things: dict[int, Any], place: int) -> int | None:
    return sorted(things)[place % len(things)] if things else None


def entry_of(ledger: Ledger, place: int) -> list[int]:
    """The items of some entry."""
    moves = {line["move_id"]: None for line in ledger.lines.values()}
    move = picked(moves, place)
    return [key for key, line in ledger.lines.items() if line["move_id"] == move]


def act(ledger: Ledger, step: tuple[Any, ...]) -> None:
    """One thing that people do in Odoo."""
    what, *values = step
    if what == "entry":
        day, one, other, amount, state = values
        ledger.move(day, (one, amount, {"currency_id": USD, "amount_currency": amount * 2}), (other, -amount), state=state)
    elif what == "pay":
        item = picked(ledger.lines, values[0])
        if item is not None and ledger.lines[item]["amount_residual"] > 0 and ledger.lines[item]["parent_state"] == "posted":
            amount = round(ledger.lines[item]["amount_residual"] * values[2] / 100, 2) or ledger.lines[item]["amount_residual"]
            account = next(name for name in CHART if ledger.id_of(name) == ledger.lines[item]["account_id"] % 10_000 + 10_000)
            _, payment = ledger.move(values[1], ("bank", amount), (account, -amount))
            ledger.settle(item, payment, amount, max(d(values[1]), ledger.lines[item]["date"]).isoformat())
    elif what == "unpay":
        if (partial := picked(ledger.partials, values[0])) is not None:
            ledger.unsettle(partial)
    elif what in ("state", "day", "company", "delete"):
        for key in entry_of(ledger, values[0]):
            if what == "state":
                ledger.change(key, parent_state=values[1])
            elif what == "day":
                ledger.change(key, date=d(values[1]))
            elif what == "company":
                ledger.change(key, company_id=3 - ledger.lines[key]["company_id"])
            else:
                ledger.delete("journal_entries", key)
                del ledger.lines[key]
                for partial in [k for k, p in ledger.partials.items() if key in (p["debit_move_id"], p["credit_move_id"])]:
                    ledger.delete("partial_reconciles", partial)
                    del ledger.partials[partial]
    elif what == "account":
        if (item := picked(ledger.lines, values[0])) is not None:
            ledger.change(item, account_id=ledger.id_of(values[1]))
    elif what == "type":
        ledger.account(values[0], CHART[values[1]])
    elif what == "partner":
        if (item := picked(ledger.lines, values[0])) is not None:
            ledger.put("partners", id=values[1], name=f"Partner {values[0]}")
            ledger.change(item, partner_id=values[1])
    else:
        ledger.sync()


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=40))
def test_refreshing_what_changed_equals_making_everything_again(steps: list[tuple[Any, ...]]) -> None:
    with transaction.atomic():
        ledger = Ledger(Tenant.objects.get(slug="default"))
        ledger.company(2)
        ledger.sync(full=True)
        for step in steps:
            act(ledger, step)
        ledger.sync()
        changed = gold(ledger)
        ledger.sync(full=True)
        assert changed == gold(ledger)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_only_what_changed_is_counted_again(ledger: Ledger) -> None:
    entries = [ledger.move("2026-01-10", ("receivable", 10), ("sales", -10), kind="out_invoice") for _ in range(30)]
    assert ledger.sync().full
    assert ledger.sync().items == 0
    ledger.change(entries[3][1], name="another label")
    done = ledger.sync()
    assert (done.items, done.full) == (2, False), "the item and the other one of its entry"
    _, payment = ledger.move("2026-02-01", ("bank", 4), ("receivable", -4))
    ledger.settle(entries[5][0], payment, 4, "2026-02-01")
    assert ledger.sync().items == 4
    assert ledger.aging("receivable", "2026-02-01")["total"] == 296


@pytest.mark.django_db
def test_an_entry_that_becomes_a_cash_entry_is_counted_whole(ledger: Ledger) -> None:
    ledger.move("2026-01-10", ("rent", 10), ("payable", -10))
    second = ledger.move("2026-01-10", ("rent", 7), ("transfer", -7))[1]
    ledger.sync()
    assert ledger.cashflow("2026-01-01", "2026-01-31")["net"] == 0
    ledger.change(second, account_id=ledger.id_of("bank"))
    ledger.sync()
    flow = ledger.cashflow("2026-01-01", "2026-01-31")
    assert (flow["net"], [row["name"] for row in flow["rows"]]) == (-7, ["rent"])
    ledger.account("payable", "asset_cash")
    ledger.sync()
    assert ledger.cashflow("2026-01-01", "2026-01-31")["net"] == -17


@pytest.mark.django_db
def test_a_run_that_goes_on_after_a_refresh_is_looked_at_again(ledger: Ledger) -> None:
    ledger.move("2026-01-10", ("bank", 10), ("sales", -10))
    ledger.sync()
    ledger.move("2026-01-11", ("bank", 20), ("sales", -20))
    services.refresh(ledger.connector.pk, ledger.tenant.pk)
    ledger.move("2026-01-12", ("bank", 40), ("sales", -40))
    ledger.sync()
    assert ledger.profit_and_loss("2026-01-01", "2026-01-31")["periods"][0]["totals"]["income"] == 70


@pytest.mark.django_db
def test_figures_older_than_the_last_run_say_so(ledger: Ledger) -> None:
    ledger.move("2026-01-10", ("bank", 10), ("sales", -10))
    ledger.sync()
    ConnectorRun.objects.filter(pk=ledger.run.pk).update(status="success", ended_at="2100-01-01T00:00:00Z")
    proof = ledger.balance_sheet("2026-01-31")["proof"]
    assert proof["differs"] == ["Not so: Every run is in the figures (books): a run has ended since the figures were made"]


@pytest.mark.django_db
def test_a_load_of_the_ledger_brings_the_figures_up_to_date(ledger: Ledger) -> None:
    ledger.move("2026-01-10", ("bank", 10), ("sales", -10))
    loaded(Load("ipai_bronze_erp", ledger.tenant.pk, ledger.connector.pk))
    assert ledger.balance_sheet("2026-01-31")["totals"]["assets"] == 10


@pytest.mark.django_db(transaction=True)
def test_readers_see_the_old_figures_until_a_refresh_is_done_and_a_second_one_waits(tenant: Any) -> None:
    ledger = Ledger(tenant)
    ledger.move("2026-01-10", ("bank", 10), ("sales", -10))
    ledger.sync()
    ledger.move("2026-01-11", ("bank", 20), ("sales", -20))
    second: list[services.Refreshed] = []

    def refresh_too() -> None:
        second.append(services.refresh(ledger.connector.pk, tenant.pk))
        connection.close()

    def read() -> None:
        found.append(ledger.balance_sheet("2026-01-31")["totals"]["assets"])
        connection.close()

    found: list[Decimal] = []
    with transaction.atomic():
        services.refresh(ledger.connector.pk, tenant.pk)
        reader, writer = threading.Thread(target=read), threading.Thread(target=refresh_too)
        reader.start()
        reader.join(10)
        writer.start()
        writer.join(0.5)
        assert (found, second) == ([10], [])
    writer.join(10)
    assert len(second) == 1
    assert ledger.balance_sheet("2026-01-31")["totals"]["assets"] == 30
