"""The Odoo source against the fake server: all of the ledger, whatever changes or fails while it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import queries
from connectors.demo.odoo.server import Call, FakeOdoo, Response
from connectors.models import ConnectorState
from connectors.sources.odoo import OdooSource
from connectors.sources.odoo.fields import Field, Layout
from connectors.sources.odoo.models import MODELS
from connectors.sources.odoo.stream import OdooStream
from tests.support.odoo import KEY, NOW, SECRET

LINES = "ipai_bronze_erp.journal_entries"
LINE, MOVE = "account.move.line", "account.move"

pytestmark = pytest.mark.django_db(transaction=True)


def equal(fake: FakeOdoo, rows: Any) -> None:
    """Ids of every model, and the sums of the ledger, are those of the server."""
    for model in MODELS:
        ids = {key for (key,) in rows(f"SELECT id FROM {model.target} WHERE _deleted_at IS NULL")}
        assert ids == fake.store.rows[model.name].keys(), model.name
    ours = rows(f"SELECT sum(debit), sum(credit), sum(balance), sum(amount_residual) FROM {LINES} WHERE _deleted_at IS NULL")[0]
    names = ("debit", "credit", "balance", "amount_residual")
    theirs = [sum((Decimal(repr(row[name])) for row in fake.store.all(LINE)), Decimal(0)) for name in names]
    assert list(ours) == theirs


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


@pytest.mark.parametrize(("api", "version"), [("jsonrpc", 18), ("jsonrpc", 16), ("xmlrpc", 17), ("json2", 19)])
def test_everything_is_read_and_proven(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, api: str, version: int) -> None:
    odoo.version = version
    connector = connect(KEY if api == "json2" else SECRET, api=api)
    run = good(run_now(connector, mode="full"))
    equal(odoo, rows)
    proof = queries.run_detail(run)["proof"]
    assert (proof["ok"], proof["differences"]) == (True, [])
    assert set(proof["streams"]) == {model.table for model in MODELS}
    odoo.calls.clear()
    again = good(run_now(connector))
    assert {stream["stream"]: stream["read"] for stream in again.metadata["streams"] if stream["read"]} == {}
    assert len(odoo.calls) <= 3 * len(MODELS) + 4, "three calls for each model, one more for those with a parent, and a login"


def test_columns_have_the_types_that_odoo_tells(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    key = next(row["id"] for row in odoo.store.all(MOVE) if row["move_type"] == "out_invoice")
    odoo.store.write(MOVE, key, {"x_cost_centre": "K-007", "ref": False, "amount_residual": -0.0, "partner_id": False})
    connector = connect(extra_models={"hr.expense": "expenses"})
    good(run_now(connector))
    found = rows(
        "SELECT x_cost_centre, ref, amount_residual, partner_id, pg_typeof(amount_total)::text, pg_typeof(date)::text,"
        " pg_typeof(write_date)::text, pg_typeof(journal_id)::text, _raw->>'ref', _raw ? 'line_ids'"
        " FROM ipai_bronze_erp.invoices WHERE id = %s",
        [key],
    )
    assert found == [("K-007", None, 0, None, "numeric", "date", "timestamp with time zone", "bigint", "false", True)]
    assert rows("SELECT count(*) FROM ipai_bronze_erp.expenses") == [(len(odoo.store.rows["hr.expense"]),)]
    assert rows("SELECT count(*) FROM ipai_bronze_erp.partners WHERE NOT active")[0][0] == 1, "archived records are read too"
    assert rows("SELECT count(*) FROM ipai_bronze_erp.accounts WHERE code IS NULL") == [(0,)], "though Odoo does not store it"


AMOUNTS = st.one_of(st.just(False), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))


@given(st.lists(AMOUNTS, min_size=1))
def test_numbers_keep_their_value_and_false_is_null(values: list[Any]) -> None:
    layout = Layout([Field("id", "integer", "ID", True), Field("amount", "monetary", "Amount", True)])
    batch = layout.batch([layout.record(f0=place, f1=value) for place, value in enumerate(values)])
    assert [text is None for text in batch.column("amount").to_pylist()] == [value is False for value in values]
    kept = [Decimal(text) for text in batch.column("amount").to_pylist() if text is not None]
    assert [float(number) for number in kept] == [value for value in values if value is not False]
    assert not any(number.is_signed() and number == 0 for number in kept)


def test_what_changed_is_found_by_its_stamp(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector))
    ids = sorted(odoo.store.rows[LINE])
    later = NOW + timedelta(minutes=5)
    odoo.store.write(LINE, ids[:150], {"name": "all at once"}, later)  # one stamp on more rows than a page holds
    odoo.store.write(LINE, ids[200], {"name": "late"}, NOW - timedelta(minutes=10))  # a long transaction commits behind the others
    odoo.store.rows[LINE][ids[300]].update(name="no stamp", write_date=False)
    run = good(run_now(connector))
    assert rows(f"SELECT name, count(*) FROM {LINES} WHERE name IN ('all at once', 'late', 'no stamp') GROUP BY 1 ORDER BY 1") == [
        ("all at once", 150),
        ("late", 1),
        ("no stamp", 1),
    ]
    counts = next(stream for stream in run.metadata["streams"] if stream["stream"] == "journal_entries")
    assert counts["updated"] == 152
    equal(odoo, rows)


def test_a_second_change_in_the_same_second_is_not_missed(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    second = datetime.now(UTC).replace(microsecond=100_000)
    key = next(iter(odoo.store.rows["res.partner"]))
    odoo.store.write("res.partner", key, {"city": "first"}, second)
    good(run_now(connector))
    odoo.store.write("res.partner", key, {"city": "second"}, second + timedelta(microseconds=500_000))
    good(run_now(connector))
    assert rows("SELECT city FROM ipai_bronze_erp.partners WHERE id = %s", [key]) == [("second",)]


def test_deleted_records_are_marked_and_new_ones_found_while_reading(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector))
    gone = max(odoo.store.rows[MOVE])
    lines = odoo.store.children(LINE, "move_id", gone)
    state = {"done": False}

    def unlink_after_the_lines(call: Call) -> Response | None:
        if call.model == "account.payment" and not state["done"]:
            state["done"] = True
            odoo.store.unlink(LINE, lines)
            odoo.store.unlink(MOVE, gone)
        return None

    odoo.store.write("res.partner", 1, {})
    odoo.before.append(unlink_after_the_lines)
    good(run_now(connector, mode="full"))
    equal(odoo, rows)
    assert rows(f"SELECT count(*) FROM {LINES} WHERE id = ANY (%s) AND _deleted_at IS NOT NULL", [lines]) == [(len(lines),)]


def test_rows_touched_between_pages_and_late_ones_are_there_once(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    hidden = {key: odoo.store.rows[LINE].pop(key) for key in sorted(odoo.store.rows[LINE])[50:54]}

    def between(call: Call) -> Response | None:
        if call.model == LINE and call.method == "search_read" and len(odoo.calls) % 3 == 0:
            odoo.store.write(LINE, min(odoo.store.rows[LINE]), {})
        if call.model == LINE and call.method == "read_group" and hidden:
            odoo.store.rows[LINE] = dict(sorted((odoo.store.rows[LINE] | hidden).items()))
            hidden.clear()
        return None

    odoo.before.append(between)
    good(run_now(connect(), mode="full"))
    equal(odoo, rows)
    assert rows(f"SELECT count(*) - count(DISTINCT id) FROM {LINES}") == [(0,)]


def test_a_change_without_a_stamp_is_named_and_repaired(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector))
    key = next(row["id"] for row in odoo.store.all(LINE) if row["debit"] > 10)
    odoo.store.rows[LINE][key]["debit"] += 7.25
    run = good(run_now(connector, streams=["journal_entries"]))
    repaired = run.metadata["proof"]["streams"]["journal_entries"]["repaired"]
    assert [found["ids"] for found in repaired] == [[key]]
    assert "debit" in repaired[0]["what"]
    equal(odoo, rows)


def test_a_difference_that_stays_fails_the_run_and_names_account_month_and_ids(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    connector = connect(models=[LINE])
    key = next(row["id"] for row in odoo.store.all(LINE) if row["debit"] > 10)

    def lie(call: Call) -> Response | None:
        row = odoo.store.rows[LINE][key]
        if call.method == "read_group":
            row["debit"] += 1
        return None

    odoo.before.append(lie)
    run = run_now(connector)
    assert run.status == "failed"
    assert "does not equal Odoo at" in run.error_message
    difference = run.metadata["proof"]["differences"][0]
    row = odoo.store.rows[LINE][key]
    assert difference["group"]["account_id"] == str(row["account_id"])
    assert difference["group"]["date:month"] == f"{row['date'][:7]}-01"
    assert "debit" in difference["what"]


@pytest.mark.parametrize("fault", ["500", "502", "429", "truncated"])
def test_a_server_in_trouble_is_asked_again(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, fault: str) -> None:
    def sometimes(call: Call) -> Response | None:
        if len(odoo.calls) % 7:
            return None
        if fault == "truncated":
            return Response(200, b'{"jsonrpc": "2.0", "result": [{"id"', truncate=True)
        return Response(int(fault), "trouble", {"Content-Type": "text/html", "Retry-After": "0"})

    odoo.before.append(sometimes)
    good(run_now(connect()))
    equal(odoo, rows)


def test_an_interrupted_scan_goes_on_where_it_was(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OdooStream, "batch_size", 200)
    connector = connect(models=[LINE], page_size=100)
    broken: list[Call] = []

    def away(call: Call) -> Response | None:
        later = any(term[0] == "id" and term[2] > 500 for term in call.kwargs.get("domain", ()) if len(term) == 3)
        if call.method != "search_read" or not later:
            return None
        broken.append(call)
        return Response(404, "gone", {"Content-Type": "text/html"})

    odoo.before.append(away)
    run = run_now(connector)
    assert run.status == "failed"
    assert "HTTP 404" in run.error_message
    assert broken
    reached = ConnectorState.objects.get(connector=connector).cursor["scan_after"]
    assert reached >= 100
    odoo.before.clear()
    odoo.calls.clear()
    good(run_now(connector))
    begun = next(call for call in odoo.calls if call.method == "search")
    assert begun.kwargs["domain"] == [["id", ">", reached]]
    assert rows(f"SELECT count(*) FROM {LINES}") == [(len(odoo.store.rows[LINE]),)]
    assert "scan_after" not in ConnectorState.objects.get(connector=connector).cursor


def test_wrong_credentials_stop_the_run_with_one_line(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    run = run_now(connect("wrong-secret"))
    assert (run.status, run.error_message.count("\n")) == ("failed", 0)
    assert "refused user reader: wrong password or an expired API key" in run.error_message
    assert "wrong-secret" not in str(run.metadata) + run.error_message


def test_a_key_that_expires_meanwhile_fails_the_streams_that_are_left(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    def expire(call: Call) -> Response | None:
        odoo.expired = odoo.expired or len(odoo.calls) > 30
        return None

    odoo.before.append(expire)
    run = run_now(connect())
    assert run.status == "failed"
    assert "expired API key" in run.error_message


def test_forbidden_fields_are_left_out_and_said_and_a_forbidden_model_stops_only_itself(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any
) -> None:

    def guard(call: Call) -> Response | None:
        if call.model != "res.partner" or not {"vat", "email"} & set(call.kwargs.get("fields", ())):
            return None
        error = {"name": "odoo.exceptions.AccessError", "message": "You do not have enough rights to access the fields"}
        body = {"jsonrpc": "2.0", "error": {"code": 200, "message": "Odoo Server Error", "data": error}}
        return Response(200, json.dumps(body), {"Content-Type": "application/json"})

    odoo.before.append(guard)
    odoo.denied_models.add("account.payment")
    run = run_now(connect())
    assert run.status == "failed"
    assert run.error_message.startswith("payments: Odoo user reader may not read account.payment")
    assert "\n" not in run.error_message
    warned = [line for line in run.metadata["warnings"] if "Left out" in line]
    assert warned == ["partners: Left out, because Odoo user reader may not read them in res.partner: vat, email"]
    assert rows("SELECT count(*) FROM ipai_bronze_erp.partners") == [(len(odoo.store.rows["res.partner"]),)]


def test_a_new_field_makes_everything_be_read_again(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    odoo.denied_fields["res.partner"] = {"street"}
    connector = connect(models=["res.partner"])
    good(run_now(connector))
    odoo.denied_fields.clear()
    run = good(run_now(connector))
    assert "The fields of res.partner have changed in Odoo: reading everything again" in run.metadata["warnings"]
    wanted = sum(bool(row["street"]) for row in odoo.store.all("res.partner"))
    assert rows("SELECT count(street) FROM ipai_bronze_erp.partners") == [(wanted,)]


def test_a_model_that_odoo_lacks_is_said(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    run = run_now(connect(models=["res.company"], extra_models={"no.such.model": "nothing"}))
    assert run.error_message == "nothing: Odoo has no model no.such.model: install the app that brings it, or leave the model out"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"url": "erp.example.com"}, "url"),
        ({"url": "https://user:pw@erp.example.com"}, "url"),
        ({"url": "https://erp.example.com/web"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://erp:port"}, "url"),
        ({"url": "http://127.0.0.1:18170\\evil"}, "url"),
        ({"url": "https://erp.example.com "}, "url"),
        ({"user": ""}, "user"),
        ({"extra_models": {"account.move": "more"}}, "extra_models"),
        ({"extra_models": {"hr.expense": "invoices"}}, "extra_models"),
    ],
)
def test_settings_that_cannot_work_are_refused(config: dict[str, Any], field: str) -> None:
    whole = {"url": "https://erp.example.com", "database": "main", "user": "reader"}
    assert OdooSource.validate(whole) == {}
    assert OdooSource.validate({**whole, "user": "", "api": "json2"}) == {}
    assert list(OdooSource.validate(whole | config)) == [field]


def test_a_row_leads_to_its_record(odoo: FakeOdoo) -> None:
    config = {"url": "https://erp.example.com/", "database": "main", "user": "reader"}
    found = OdooSource.record_url(config, "invoices", {"id": 42})
    assert found == "https://erp.example.com/web#id=42&model=account.move&view_type=form"
    assert (
        OdooSource.record_url({**config, "api": "json2"}, "invoices", {"id": 42}) == "https://erp.example.com/odoo/account.move/42"
    )
    assert OdooSource.record_url(config, "nothing", {"id": 42}) is None
