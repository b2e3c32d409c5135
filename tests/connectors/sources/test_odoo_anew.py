"""When everything must be read again, when stamps and clocks mislead, and when records are not gone but hidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import services
from connectors.demo.odoo.fields import field
from connectors.demo.odoo.server import FakeOdoo
from connectors.models import ConnectorState
from tests.support.odoo import NOW, answered, on, raised

pytestmark = pytest.mark.django_db(transaction=True)
PARTNER, LINE, COMPANY = "res.partner", "account.move.line", "res.company"
PARTNERS, LINES = "ipai_bronze_erp.partners", "ipai_bronze_erp.journal_entries"


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


def test_another_database_is_read_anew_and_the_rows_of_the_old_one_go(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, actor: Any
) -> None:
    connector = connect(models=[LINE])
    good(run_now(connector))
    kept = min(odoo.store.rows[LINE])
    odoo.database, odoo.store.rows[LINE] = "other", {kept: odoo.store.rows[LINE][kept] | {"name": "of the other"}}
    connector = services.update_connector(actor, connector, config=connector.config | {"database": "other"})
    run = good(run_now(connector))
    assert rows(f"SELECT id, name FROM {LINES} WHERE _deleted_at IS NULL") == [(kept, "of the other")]
    assert [line for line in run.metadata["warnings"] if line.endswith("account.move.line now: reading everything again")]


def test_another_model_behind_a_table_replaces_the_old_one(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, actor: Any
) -> None:
    connector = connect(models=[COMPANY], extra_models={"hr.expense": "more"})
    good(run_now(connector))
    connector = services.update_connector(actor, connector, config=connector.config | {"extra_models": {"res.users": "more"}})
    odoo.store.models["res.users"], odoo.store.rows["res.users"] = odoo.store.models[PARTNER], dict(odoo.store.rows[PARTNER])
    good(run_now(connector))
    found = dict(rows("SELECT id, name FROM ipai_bronze_erp.more WHERE _deleted_at IS NULL"))
    assert found == {key: row["name"] for key, row in odoo.store.rows[PARTNER].items()}


def test_a_field_that_is_hidden_leaves_no_old_value_behind(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(models=[PARTNER])
    good(run_now(connector))
    assert rows(f"SELECT count(street) > 0 FROM {PARTNERS}") == [(True,)]
    odoo.denied_fields[PARTNER] = {"street"}
    good(run_now(connector))
    assert rows(f"SELECT count(street), count(*) FROM {PARTNERS}") == [(0, len(odoo.store.rows[PARTNER]))]
    assert rows(f"SELECT count(*) FROM {PARTNERS} WHERE _raw ? 'street'") == [(0,)]


def test_a_field_that_cannot_be_read_is_tried_again(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    """Described by fields_get, refused when it is read: only reading tells that the right has been given."""

    def guard(call: Any) -> Any:
        refused = call.model == PARTNER and "street" in call.kwargs.get("fields", ())
        return raised("odoo.exceptions.AccessError", "You do not have enough rights") if refused else None

    odoo.before.append(guard)
    connector = connect(models=[PARTNER])
    good(run_now(connector))
    odoo.calls.clear()
    good(run_now(connector))
    assert len(odoo.calls) <= 5
    odoo.before.clear()
    good(run_now(connector))
    wanted = sum(bool(row["street"]) for row in odoo.store.all(PARTNER))
    assert rows(f"SELECT count(street) FROM {PARTNERS}") == [(wanted,)]


def test_a_model_that_loses_its_stamps_is_read_whole(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(models=[PARTNER])
    good(run_now(connector))
    del odoo.store.models[PARTNER].fields["write_date"]
    for name in ("first", "second"):
        odoo.store.rows[PARTNER][1]["name"] = name
        good(run_now(connector))
        assert rows(f"SELECT name FROM {PARTNERS} WHERE id = 1") == [(name,)]


@pytest.mark.parametrize("before", [True, False])
def test_a_stamp_in_the_future_blinds_nobody(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, before: bool) -> None:
    connector = connect(models=[PARTNER])
    if not before:
        good(run_now(connector))
    odoo.store.write(PARTNER, 1, {}, datetime(2031, 1, 1, tzinfo=UTC))
    run = good(run_now(connector))
    odoo.store.write(PARTNER, 2, {"street": "found"}, datetime.now(UTC))
    run = good(run_now(connector))
    assert rows(f"SELECT street FROM {PARTNERS} WHERE id = 2") == [("found",)]
    assert "1 records of res.partner have a stamp in the future: they are read again in each run" in run.metadata["warnings"]


def test_a_cursor_from_the_future_is_given_up(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(models=[PARTNER])
    good(run_now(connector))
    state = ConnectorState.objects.get(connector=connector)
    state.cursor["write_date"] = "2031-01-01 00:00:00"
    ConnectorState.objects.filter(connector=connector).update(cursor=state.cursor)
    odoo.store.write(PARTNER, 2, {"street": "found"}, NOW + timedelta(hours=2))
    good(run_now(connector))
    assert rows(f"SELECT street FROM {PARTNERS} WHERE id = 2") == [("found",)]


@pytest.mark.parametrize("model", [PARTNER, COMPANY])
def test_a_server_whose_clock_is_behind_loses_nothing(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, model: str) -> None:
    """A second change within the second of the first, as late as three hours behind this host; also of a parent record."""
    odoo.ahead = -timedelta(hours=3)
    second = (datetime.now(UTC) + odoo.ahead).replace(microsecond=100_000)
    company = next(odoo.store.all(COMPANY))
    odoo.store.models[COMPANY].fields["street"] = field(COMPANY, "street char unstored related=partner_id.street")
    partner, table = company["partner_id"], PARTNERS if model == PARTNER else "ipai_bronze_erp.companies"
    key = partner if model == PARTNER else company["id"]
    connector = connect(models=[model])
    odoo.store.write(PARTNER, partner, {"street": "first"}, second)
    good(run_now(connector))
    odoo.store.write(PARTNER, partner, {"street": "second"}, second + timedelta(microseconds=500_000))
    good(run_now(connector))
    assert rows(f"SELECT street FROM {table} WHERE id = %s", [key]) == [("second",)]


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_a_lost_right_deletes_nothing_and_a_reset_does(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, actor: Any, mode: str
) -> None:
    connector = connect(models=[LINE])
    good(run_now(connector))
    held = len(odoo.store.rows[LINE])
    none = {"search": [], "search_read": [], "read_group": [], "search_count": 0}
    odoo.before += [on(method, lambda call, result=result: answered(result)) for method, result in none.items()]
    run = run_now(connector, mode=mode)
    assert run.status == "failed"
    assert f"Odoo user reader sees 0 of the {held:,} records of account.move.line that are loaded: nothing was" in run.error_message
    alive = f"SELECT count(*) FROM {LINES} WHERE _deleted_at IS NULL"
    assert rows(alive) == [(held,)]
    services.reset_stream(actor, connector, "journal_entries")
    good(run_now(connector))
    assert rows(alive) == [(0,)]


def test_a_full_run_mends_the_raw_record(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(models=[PARTNER])
    good(run_now(connector))
    rows(f"UPDATE {PARTNERS} SET _raw = '{{}}' WHERE id = 1 RETURNING id")
    good(run_now(connector, mode="full"))
    assert rows(f"SELECT _raw->>'name' FROM {PARTNERS} WHERE id = 1") == [(odoo.store.rows[PARTNER][1]["name"],)]
