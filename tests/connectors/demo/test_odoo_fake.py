"""The fake Odoo keeps honest books, keeps its past, and speaks as real servers were recorded to."""

from __future__ import annotations

import time
import xmlrpc.client
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.demo.odoo import app
from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import FakeOdoo
from connectors.demo.odoo.store import Store
from tests.support.odoo import bulk_store, fail_once, serve, slow, touch_between_pages, truncate_once

NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
LINE = "account.move.line"
FIELDS = ["move_id", "account_id", "balance", "date_maturity", "tax_ids", "reconciled", "write_date"]


@pytest.fixture(scope="module")
def ledger() -> Store:
    """The demo company in March 2026; nobody changes it."""
    return demo_store(NOW)


@pytest.fixture
def fake() -> FakeOdoo:
    return FakeOdoo(demo_store(datetime(2025, 3, 5, tzinfo=UTC)), version=19)


def client(fake: FakeOdoo) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(app=fake), base_url="https://odoo.demo.invalid")


def jsonrpc(fake: FakeOdoo, service: str, method: str, *args) -> dict:
    body = {"jsonrpc": "2.0", "method": "call", "id": 7, "params": {"service": service, "method": method, "args": args}}
    response = client(fake).post("/jsonrpc", json=body)
    assert response.status_code == 200
    return response.json()


def call(fake: FakeOdoo, model: str, method: str, *args, **kwargs):
    return jsonrpc(fake, "object", "execute_kw", "demo", 2, "demo", model, method, args, kwargs)["result"]


def failure(fake: FakeOdoo, model: str, method: str, *args, **kwargs) -> tuple[str, str]:
    error = jsonrpc(fake, "object", "execute_kw", "demo", 2, "demo", model, method, args, kwargs)["error"]
    assert (error["code"], error["message"]) == (200, "Odoo Server Error")
    assert set(error["data"]) == {"name", "debug", "message", "arguments", "context"}
    return error["data"]["name"], error["data"]["message"]


def json2(fake: FakeOdoo, path: str, body: object, key: str = "demo-key", database: str = "demo") -> httpx.Response:
    headers = {"Authorization": f"bearer {key}", "X-Odoo-Database": database}
    return client(fake).post(f"/json/2/{path}", json=body, headers=headers)


def cents(value: float) -> int:
    return round(value * 100)


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
        assert move["invoice_date_due"] == max(row["date_maturity"] for row in due)


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
    fake = FakeOdoo(ledger)
    plain: Counter[tuple[int, str]] = Counter()
    for row in ledger.all(LINE):
        if row["parent_state"] == "posted":
            plain[row["account_id"], row["date"][:7]] += cents(row["balance"])
    domain = [["parent_state", "=", "posted"]]
    groups = call(fake, LINE, "read_group", domain, ["balance:sum"], ["account_id", "date:month"], lazy=False)
    found = {(group["account_id"][0], group["__range"]["date:month"]["from"][:7]): cents(group["balance"]) for group in groups}
    assert found == dict(plain)
    first = groups[0]
    assert first["account_id"] == [1, "101401 Bank"]
    assert (first["date:month"], first["__range"]["date:month"]) == ("January 2025", {"from": "2025-01-01", "to": "2025-02-01"})
    assert call(fake, LINE, "search_count", first["__domain"]) == first["__count"]


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
    call(fake, LINE, "search_count", [])
    assert fake.store is first
    moment[0] = NOW + timedelta(days=3)
    count = call(fake, LINE, "search_count", [])
    assert fake.store is not first
    assert count == len(demo_store(moment[0].replace(minute=0)).rows[LINE])


def test_twenty_thousand_lines_in_two_seconds():
    start = time.perf_counter()
    store = bulk_store(20_000)
    assert time.perf_counter() - start < 2
    assert len(store.rows[LINE]) == 20_000


# What is read


def test_three_protocols_agree(fake):
    domain = [["account_id.account_type", "=", "asset_receivable"], ["date", ">=", "2025-02-01"]]
    options = {"fields": FIELDS, "order": "write_date desc, id desc", "limit": 25}
    by_jsonrpc = call(fake, LINE, "search_read", domain, **options)
    by_json2 = json2(fake, f"{LINE}/search_read", {"domain": domain} | options).json()
    with serve(fake) as url:
        common, models = (xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/{name}") for name in ("common", "object"))
        with common, models:
            uid = common.authenticate("demo", "demo", "demo", {})
            by_xmlrpc = models.execute_kw("demo", uid, "demo-key", LINE, "search_read", [domain], options)
    assert len(by_jsonrpc) == 25
    assert by_jsonrpc == by_json2 == by_xmlrpc
    assert [[name, method.method, method.kwargs["limit"]] for name, method in ((c.model, c) for c in fake.calls)] == [
        [LINE, "search_read", 25]
    ] * 3


def test_stamps_are_kept_in_microseconds_and_shown_in_seconds(fake):
    row = next(row for row in fake.store.all("account.move") if not row["write_date"].endswith("000000"))
    (shown,) = call(fake, "account.move", "read", [row["id"]], ["write_date"])
    assert shown == {"id": row["id"], "write_date": row["write_date"][:19]}

    def count(operator: str, value: str) -> int:
        return call(fake, "account.move", "search_count", [["id", "=", row["id"]], ["write_date", operator, value]])

    assert [count(operator, shown["write_date"]) for operator in (">", ">=", "=", "<=")] == [1, 1, 0, 0]
    assert [count(operator, row["write_date"]) for operator in (">", ">=", "=")] == [0, 1, 1]


def test_domains_orders_and_shapes(fake):
    partner = fake.store.rows["res.partner"]
    assert call(fake, "res.partner", "search_count", []) == len(partner) - 1
    assert call(fake, "res.partner", "search_count", [], context={"active_test": False}) == len(partner)
    either = ["|", ["name", "=like", "Harbour%"], "!", ["name", "not ilike", "BAKERY"]]
    found = call(fake, "res.partner", "search_read", either, ["name", "parent_id", "ref"], order="name")
    assert [row["name"] for row in found] == ["Harbour Lane Cafe (demo)", "Northwind Bakery (demo)"]
    assert (found[0]["parent_id"], found[0]["ref"]) == (False, False)
    line = {"fields": ["account_id", "tax_ids", "partner_id"], "limit": 1, "order": "id"}
    assert call(fake, LINE, "search_read", [], **line)[0]["account_id"] == [1, "101401 Bank"]
    bare = call(fake, LINE, "search_read", [], **line, load="")[0]
    assert (bare["account_id"], bare["tax_ids"], bare["partner_id"]) == (1, [], False)
    assert call(fake, LINE, "search", [["id", "in", [3, 1, 999999]]], order="id desc") == [3, 1]
    assert call(fake, LINE, "read", [999999], ["name"]) == []
    assert call(fake, LINE, "search_read", [], offset=10**6) == []
    codes = call(fake, "account.account", "search_read", [["code", "=", "121000"]], ["code"])
    assert [row["code"] for row in codes] == ["121000"]
    fields = call(fake, "account.account", "fields_get", [], attributes=["type", "store"])
    assert fields["code"] == {"type": "char", "store": False}
    logo = call(fake, "res.company", "search_read", [], ["logo"], context={"bin_size": True})[0]["logo"]
    assert logo.endswith(" Kb")


def test_formatted_read_group_came_with_version_19(fake):
    body = {"domain": [], "groupby": ["account_id", "date:month"], "aggregates": ["balance:sum", "__count"]}
    first = json2(fake, f"{LINE}/formatted_read_group", body).json()[0]
    assert (first["account_id"], first["date:month"]) == ([1, "101401 Bank"], ["2025-01-01", "January 2025"])
    assert json2(fake, f"{LINE}/search_count", {"domain": first["__extra_domain"]}).json() == first["__count"]
    fake.version = 18
    assert failure(fake, LINE, "formatted_read_group", [])[0] == "builtins.AttributeError"
    assert json2(fake, f"{LINE}/search_count", {}).status_code == 404
    assert client(fake).get("/web/version").status_code == 404


# What is refused


def test_jsonrpc_errors(fake):
    move = "account.move"
    assert failure(fake, "no.such.model", "search_read", []) == ("odoo.exceptions.UserError", "Object no.such.model doesn't exist")
    assert failure(fake, move, "no_such", [])[0] == "builtins.AttributeError"
    assert failure(fake, move, "_compute_name", [1])[0] == "odoo.exceptions.AccessError"
    assert failure(fake, move, "search_read", [], ["nope"])[0] == "builtins.ValueError"
    assert failure(fake, move, "search_read", [["nope", "=", 1]])[1].startswith("Invalid field account.move.nope in leaf")
    assert failure(fake, move, "search_read", [["name", "equals", "x"]])[1] == "Invalid leaf ('name', 'equals', 'x')"
    assert failure(fake, move, "search_read", [], order="display_name")[0] == "builtins.ValueError"
    assert failure(fake, move, "search_read", [["write_date", ">", "not a date"]])[0] == "psycopg2.errors.InvalidDatetimeFormat"
    assert failure(fake, move, "search_read", [], nope=1)[0] == "builtins.TypeError"
    assert client(fake).post("/jsonrpc", content=b"{not json").status_code == 400
    none = jsonrpc(fake, "object", "execute_kw", "demo", 2, "demo", LINE, "remove_move_reconcile", [[]], {})
    assert none == {"jsonrpc": "2.0", "id": 7}


def test_denied_models_and_fields(fake):
    fake.denied_models.add("hr.expense")
    fake.denied_fields["account.move"] = {"amount_total"}
    assert failure(fake, "hr.expense", "search_read", [])[0] == "odoo.exceptions.AccessError"
    name, message = failure(fake, "account.move", "search_read", [], ["name", "amount_total"])
    assert name == "odoo.exceptions.AccessError"
    assert 'access the fields "amount_total" on Journal Entry (account.move)' in message
    assert "amount_total" not in call(fake, "account.move", "fields_get")
    assert "amount_total" not in call(fake, "account.move", "search_read", [], limit=1)[0]
    assert json2(fake, "hr.expense/search_count", {"domain": []}).status_code == 403


def test_passwords_databases_and_versions(fake):
    def authenticate(user: str, password: str) -> object:
        return jsonrpc(fake, "common", "authenticate", "demo", user, password, {})["result"]

    assert [authenticate("demo", "demo"), authenticate("demo", "demo-key")] == [2, 2]
    assert [authenticate("demo", "wrong"), authenticate("nobody", "demo")] == [False, False]
    assert jsonrpc(fake, "common", "version")["result"]["server_version_info"] == [19, 0, 0, "final", 0, ""]
    assert jsonrpc(fake, "db", "list")["result"] == ["demo"]
    unknown = jsonrpc(fake, "common", "authenticate", "nodb", "demo", "demo", {})["error"]["data"]
    assert unknown["name"] == "psycopg2.OperationalError"
    fake.expired = True
    assert authenticate("demo", "demo") is False
    assert failure(fake, LINE, "search_count", []) == ("odoo.exceptions.AccessDenied", "Access Denied")
    assert json2(fake, f"{LINE}/search_count", {}).status_code == 401


def test_json2_has_real_statuses(fake):
    assert json2(fake, f"{LINE}/search_count", {"domain": []}).json() == len(fake.store.rows[LINE])
    assert json2(fake, f"{LINE}/remove_move_reconcile", {"ids": []}).json() is None
    bad_key = json2(fake, f"{LINE}/search_count", {}, key="wrong")
    assert (bad_key.status_code, bad_key.json()["message"], bad_key.headers["WWW-Authenticate"]) == (
        401,
        "Invalid apikey",
        "Bearer ",
    )
    other = json2(fake, f"{LINE}/search_count", {}, database="nodb")
    assert (other.status_code, other.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert json2(fake, "no.such.model/search_count", {}).json()["message"] == "the model 'no.such.model' does not exist"
    assert json2(fake, f"{LINE}/no_such", {}).status_code == 404
    unknown = json2(fake, f"{LINE}/search_read", {"domain": [], "fields": ["nope"]})
    assert (unknown.status_code, unknown.json()["message"]) == (500, "Invalid field 'nope' on 'account.move.line'")
    assert client(fake).get("/web/version").json() == {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}


def test_xmlrpc_faults(fake):
    with serve(fake) as url, xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/object") as models:

        def code(password: str, model: str, method: str, *args) -> int:
            with pytest.raises(xmlrpc.client.Fault) as raised:
                models.execute_kw("demo", 2, password, model, method, args)
            return raised.value.faultCode

        fake.denied_models.add("hr.expense")
        assert code("wrong", LINE, "search_count", []) == 3
        assert code("demo", "hr.expense", "search_count", []) == 4
        assert code("demo", "no.such.model", "search_count", []) == 2
        assert code("demo", LINE, "search_read", [], ["nope"]) == 1
        assert code("demo", LINE, "remove_move_reconcile", []) == 1  # None cannot be marshalled


# Faults


def test_faults_over_a_real_connection(fake):
    body = {"domain": [], "fields": ["name"], "limit": 2, "order": "id"}
    headers = {"Authorization": "bearer demo-key"}
    with serve(fake) as url, httpx.Client(base_url=url, headers=headers) as http:

        def ask() -> httpx.Response:
            return http.post(f"/json/2/{LINE}/search_read", json=body)

        fake.before[:] = [fail_once(429, {"Retry-After": "3"})]
        limited = ask()
        assert (limited.status_code, limited.headers["Retry-After"], ask().status_code) == (429, "3", 200)
        fake.before[:] = [truncate_once()]
        with pytest.raises(httpx.RemoteProtocolError):
            ask()
        assert len(ask().json()) == 2
        fake.before[:] = [slow(0.5)]
        with pytest.raises(httpx.ReadTimeout):
            http.post(f"/json/2/{LINE}/search_read", json=body, timeout=0.1)
        fake.before[:] = [touch_between_pages(fake, LINE, lambda store: store.unlink(LINE, 1))]
        assert [ask().json()[0]["id"], ask().json()[0]["id"]] == [1, 2]
