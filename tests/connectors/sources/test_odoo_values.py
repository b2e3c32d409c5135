"""What Odoo may send that its own fields do not promise: it is loaded, or said in one clear line."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from connectors.demo.odoo.fields import field
from connectors.demo.odoo.server import FakeOdoo
from connectors.sources.odoo import reader
from tests.support.odoo import answered, on, rewritten

pytestmark = pytest.mark.django_db(transaction=True)
PARTNER, LINE, MOVE, EXPENSE = "res.partner", "account.move.line", "account.move", "hr.expense"
PARTNERS, LINES = "ipai_bronze_erp.partners", "ipai_bronze_erp.journal_entries"


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


def failed(run: Any) -> str:
    assert run.status == "failed"
    assert "\n" not in run.error_message
    assert "Unexpected" not in run.error_message
    return str(run.error_message)


@pytest.fixture
def custom(odoo: FakeOdoo) -> Callable[[str, dict[int, Any]], None]:
    """Give partners a field: ``custom("x_ratio float", {1: 0.5})``; the others have an empty one."""

    def make(line: str, values: dict[int, Any]) -> None:
        described = field(PARTNER, line)
        odoo.store.models[PARTNER].fields[described["name"]] = described
        for key, row in odoo.store.rows[PARTNER].items():
            row[described["name"]] = values.get(key, False)

    return make


def test_years_before_1000_and_a_date_that_is_none(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, custom: Any) -> None:
    custom("x_since date", {1: "24-03-05", 2: "2024-03-05", 3: "soon"})
    run = good(run_now(connect(models=[PARTNER])))
    assert rows(f"SELECT x_since::text, pg_typeof(x_since)::text FROM {PARTNERS} WHERE id <= 3 ORDER BY id") == [
        ("0024-03-05", "date"),
        ("2024-03-05", "date"),
        (None, "date"),
    ]
    assert rows(f"SELECT _raw->>'x_since' FROM {PARTNERS} WHERE id = 3") == [("soon",)]
    said = "x_since of res.partner 3 is 'soon', which is no date: such values stay in _raw, and the column is NULL for them"
    assert run.metadata["warnings"] == [said]


def test_months_at_both_ends_of_the_calendar_are_proven(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    first, last = sorted(odoo.store.rows[LINE])[:2]
    odoo.store.rows[LINE][first]["date"], odoo.store.rows[LINE][last]["date"] = "0024-03-05", "9999-12-15"
    odoo.before.append(rewritten(odoo, lambda text: text.replace('"0024-', '"24-')))
    connector = connect(models=[LINE])
    good(run_now(connector))
    for key in (first, last):
        odoo.store.rows[LINE][key]["debit"] += 3.25  # without a stamp: only the totals of its month tell
    good(run_now(connector))
    found = dict(rows(f"SELECT id, debit FROM {LINES} WHERE id = ANY (%s)", [[first, last]]))
    assert {key: float(value) for key, value in found.items()} == {key: odoo.store.rows[LINE][key]["debit"] for key in found}


def test_the_noise_of_large_sums_is_no_difference(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    group = next(iter(odoo.store.all(LINE)))
    for row in odoo.store.all(LINE):
        if (row["account_id"], row["date"][:7]) == (group["account_id"], group["date"][:7]):
            row["debit"] = 99_999_999_999_999.33
    run = good(run_now(connect(models=[LINE])))
    assert run.metadata["proof"]["streams"]["journal_entries"]["attempts"] == 1


def test_nan_put_into_bronze_is_repaired(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(models=[LINE])
    good(run_now(connector))
    rows(f"UPDATE {LINES} SET debit = 'NaN' WHERE id = 1 RETURNING id")
    good(run_now(connector))
    assert float(rows(f"SELECT debit FROM {LINES} WHERE id = 1")[0][0]) == odoo.store.rows[LINE][1]["debit"]


def test_ids_that_are_zero_or_negative_are_read(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any) -> None:
    some = next(odoo.store.all(EXPENSE))
    odoo.store.rows[EXPENSE] = {key: some | {"id": key} for key in (-7, 0, 1)}
    connector = connect(models=["res.company"], extra_models={EXPENSE: "expenses"})
    good(run_now(connector))
    good(run_now(connector))
    assert rows("SELECT id FROM ipai_bronze_erp.expenses WHERE _deleted_at IS NULL ORDER BY id") == [(-7,), (0,), (1,)]


def test_ids_that_are_not_unique_are_refused(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    odoo.before.append(on("search", lambda call: answered([1, 2, 2, 3]), EXPENSE))
    connector = connect(models=["res.company"], extra_models={EXPENSE: "expenses"})
    said = "Several records of hr.expense have the same id (2)"
    assert said in failed(run_now(connector))
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("checkconnector", "erp", stdout=out)
    assert said in out.getvalue()


def test_json_that_only_python_reads(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, custom: Any) -> None:
    custom("x_ratio float", {1: 0.123456789, 2: 0.5})
    custom("x_note char", {1: "half a face: MARKER"})
    odoo.before.append(rewritten(odoo, lambda text: text.replace("0.123456789", "NaN").replace("MARKER", "\\ud83d")))
    run = good(run_now(connect(models=[PARTNER])))
    assert rows(f"SELECT x_ratio, x_note FROM {PARTNERS} WHERE id <= 2 ORDER BY id") == [(None, "half a face: �"), (0.5, None)]
    assert [line for line in run.metadata["warnings"] if line.startswith("x_ratio of res.partner 1 is nan, which is no float")]


def test_a_nul_character_is_found(odoo: FakeOdoo, connect: Any, run_now: Any, custom: Any) -> None:
    custom("x_more json", {2: {"deep": ["a\0b"]}})
    said = "x_more of res.partner 2 holds a NUL character, which PostgreSQL cannot store"
    assert said in failed(run_now(connect(models=[PARTNER])))


def test_values_of_another_type_stay_raw(odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, custom: Any) -> None:
    custom("x_count integer", {1: "many", 2: 7})
    custom("x_large float", {1: 2**53 + 1, 2: 0.5})
    run = good(run_now(connect(models=[PARTNER])))
    query = f"SELECT x_count, x_large::text FROM {PARTNERS} WHERE id <= 2 ORDER BY id"
    assert rows(query) == [(None, "9007199254740993"), (7, "0.5")]
    assert [line for line in run.metadata["warnings"] if line.startswith("x_count of res.partner 1 is 'many', which is no integer")]


@pytest.mark.parametrize(
    ("method", "result"),
    [("fields_get", []), ("search_count", "20"), ("search", {"a": 1}), ("search_read", None), ("search", None)],
)
def test_an_answer_of_another_shape_is_said(odoo: FakeOdoo, connect: Any, run_now: Any, method: str, result: Any) -> None:
    odoo.before.append(on(method, lambda call: answered(result), PARTNER))
    assert f"answered res.partner.{method} in another form than Odoo does" in failed(run_now(connect(models=[PARTNER])))


def test_totals_of_another_form_are_said(odoo: FakeOdoo, connect: Any, run_now: Any) -> None:
    odoo.before.append(on("read_group", lambda call: answered([{"strange": 1}])))
    assert "The totals of account.move.line by account_id" in failed(run_now(connect(models=[LINE])))


def test_pages_shrink_where_records_are_large(
    odoo: FakeOdoo, connect: Any, run_now: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE_BYTES", 400_000)
    monkeypatch.setattr(reader, "FIRST_PAGE", 20)
    for row in odoo.store.all(MOVE):
        row["narration"] = "x" * 10_000
    good(run_now(connect(models=[MOVE])))
    assert rows("SELECT count(*) FROM ipai_bronze_erp.invoices") == [(len(odoo.store.rows[MOVE]),)]
    sizes = [
        sum(call.kwargs["domain"][0][2] < key <= call.kwargs["domain"][1][2] for key in odoo.store.rows[MOVE])
        for call in odoo.calls
        if call.method == "search_read" and [term[:2] for term in call.kwargs["domain"]] == [["id", ">"], ["id", "<="]]
    ]
    assert max(sizes) <= 20, "a page of 100 would be five times what a page is to hold"
