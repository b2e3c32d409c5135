"""What Odoo says when it refuses or fails: without secrets, with its own words, and asked again only where that can help."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from connectors.demo.odoo.server import Call, FakeOdoo, Response
from connectors.sources.odoo import rpc
from tests.support.odoo import on, raised

pytestmark = pytest.mark.django_db(transaction=True)
PARTNER = "res.partner"


def test_a_secret_in_a_long_message_is_not_cut_in_two(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    password = "long-" + "0123456789" * 4
    odoo.users["reader"] = password
    odoo.before.append(on("search", lambda call: raised("builtins.ValueError", "x" * 280 + f" {password} " + "y" * 5_000)))
    run = run_now(connect(password, models=[PARTNER]))
    said = run.error_message + json.dumps(run.metadata) + "".join(line for (line,) in rows("SELECT message FROM ipai_run_log"))
    assert "long-" not in said
    assert "xxx ***" in run.error_message
    assert len(run.error_message) <= 1_000


def test_a_field_that_odoo_fails_on_is_left_out_with_its_words(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    def fail(call: Call) -> Response | None:
        asked = call.model == PARTNER and "street" in call.kwargs.get("fields", ())
        return raised("builtins.ZeroDivisionError", "division by zero") if asked else None

    odoo.before.append(fail)
    run = run_now(connect(models=[PARTNER]))
    assert run.status == "success", run.error_message
    said = "Left out, because Odoo fails on them (Odoo says: division by zero) in res.partner: street"
    assert run.metadata["warnings"] == [said]
    told = {one["name"]: one for one in run.connector.stream_fields.get().fields}
    assert told["street"]["note"] == "Odoo says: division by zero"


def test_a_model_that_odoo_fails_on_is_no_missing_right(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    odoo.before.append(on("search_read", lambda call: raised("builtins.ZeroDivisionError", "division by zero"), PARTNER))
    assert run_now(connect(models=[PARTNER])).error_message == "Odoo says: division by zero"


@pytest.mark.parametrize(
    ("answer", "calls", "said"),
    [
        (Response(502, "Bad Gateway", {"Content-Type": "text/html"}), rpc.TRIES, "answered HTTP 502 (tried 8 times)"),
        (raised("psycopg2.errors.SerializationFailure", "could not serialize"), rpc.TRIES, "could not serialize (tried 8 times)"),
        (raised("psycopg2.errors.UndefinedTable", 'relation "x" does not exist'), 1, 'relation "x" does not exist'),
    ],
)
def test_what_stays_broken_is_asked_a_few_times_in_one_place(
    odoo: FakeOdoo, connect: Any, run_now: Any, answer: Response, calls: int, said: str
) -> None:
    odoo.before.append(on("search", lambda call: answer, PARTNER))
    run = run_now(connect(models=[PARTNER]))
    assert run.error_message.endswith(said)
    assert len([call for call in odoo.calls if call.method == "search"]) == calls


def test_a_server_that_hangs_is_given_up(odoo: FakeOdoo, connect: Any, run_now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "LONGEST_TROUBLE", 0.0)
    odoo.before.append(on("search", lambda call: Response(504, "", {"Content-Type": "text/html"}), PARTNER))
    assert run_now(connect(models=[PARTNER])).status == "failed"
    assert len([call for call in odoo.calls if call.method == "search"]) == 1


def checked() -> str:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("checkconnector", "erp", stdout=out)
    return out.getvalue()


def test_a_login_that_is_the_password_is_not_named(odoo: FakeOdoo, connect: Any) -> None:
    odoo.users = {"admin-admin": "admin-admin"}
    odoo.denied_models.add(PARTNER)
    connect("admin-admin", user="admin-admin", models=[PARTNER])
    said = checked()
    assert "The Odoo user may sign in to demo" in said
    assert "the Odoo user may not read res.partner" in said
    assert "***" not in said


def test_a_key_without_a_login_is_called_a_key(odoo: FakeOdoo, connect: Any) -> None:
    odoo.version = 19
    connect("wrong-key-of-mine", user="", api="json2")
    assert "refused the API key: wrong password or an expired API key" in checked()
