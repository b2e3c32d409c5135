"""The fake Odoo speaks, refuses and fails as real servers were recorded to."""

from __future__ import annotations

import xmlrpc.client
from datetime import UTC, datetime

import httpx
import pytest

from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import FakeOdoo
from tests.support.odoo import fail_once, serve, slow, touch_between_pages, truncate_once

LINE = "account.move.line"
FIELDS = ["move_id", "account_id", "balance", "date_maturity", "tax_ids", "reconciled", "write_date"]


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
    assert [(made.model, made.method, made.kwargs["limit"]) for made in fake.calls] == [(LINE, "search_read", 25)] * 3


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
