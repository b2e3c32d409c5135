"""Write modes, schema policies and counts, as the database sees them afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Record, Rejected, Retry, StopStream
from connectors.engine.context import Counts
from connectors.engine.errors import EngineError, LeaseLost, SchemaMismatch
from connectors.engine.extract import run_stream
from connectors.models import ConnectorState, LoadedPart, RejectedRecord, RunStream
from tests.connectors.engine.conftest import TARGET, Lab, ListStream, all_of, batch, part

# Types that widen


def test_a_late_odd_value_widens_the_column_and_keeps_the_text_of_all(lab: Lab, rows: Any, column_types: Any) -> None:
    early = [batch(a=[str(number)] * 3, b=["1.50"] * 3) for number in range(20)]
    context = lab.run([part("f.csv", *early, batch(a=["n/a"], b=["2.5"]))])
    assert column_types() == {"a": "text", "b": "numeric"}
    assert len(all_of(rows, "a, b")) == 61
    assert context.counts == Counts(read=61, written=61)
    assert context.schema_changes == [f"table {TARGET} created with 2 columns"]


def test_later_parts_widen_and_never_narrow(lab: Lab, rows: Any, column_types: Any) -> None:
    for number, (value, kind) in enumerate([("1", "bigint"), ("1.5", "numeric"), ("7", "numeric"), ("x", "text"), ("9", "text")]):
        context = lab.run([part(f"{number}.csv", batch(a=[value]))], write_mode="append")
        assert column_types() == {"a": kind}
    assert [a for a, _ in all_of(rows, "a, _part")] == ["1", "1.5", "7", "9", "x"]
    assert context.schema_changes == []


def test_a_batch_with_other_columns_adds_them(lab: Lab, rows: Any, column_types: Any) -> None:
    lab.run([part("f.jsonl", *[batch(a=["1"])] * 6, batch(a=["2"], b=["x"]), batch(b=["y"]))])
    assert column_types() == {"a": "bigint", "b": "text"}
    assert all_of(rows, "a, b", "b IS NOT NULL") == [(2, "x"), (None, "y")]


def test_headers_become_columns_that_collide_with_nothing(lab: Lab, rows: Any) -> None:
    import pyarrow as pa

    names = ["a", "A", "a_2", "", "_row", "xmin", "é" * 40, 'tab\tle"; drop table x', "%s"]
    lab.run([part("f.csv", pa.RecordBatch.from_arrays([pa.array(["1"])] * len(names), names=names))])
    data = [
        name
        for name, _ in rows(
            "SELECT attname, attnum FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 7 ORDER BY 2", [TARGET]
        )
    ]
    assert data == ["a", "A_3", "a_2", "column_4", "_row_2", "xmin_2", "é" * 31, 'tab\tle"; drop table x', "%s"]
    comments = dict(
        rows("SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = %s::regclass", [TARGET])
    )
    assert comments["A_3"] == "A"
    assert comments["_row_2"] == "_row"
    assert comments["a"] is None


def test_a_view_in_the_way_of_widening_is_named(lab: Lab, rows: Any) -> None:
    from django.db import connection

    lab.run([part("1.csv", batch(a=["1"]))])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE VIEW ipai_bronze_core.looking AS SELECT a FROM {TARGET}")
    with pytest.raises(EngineError, match="looking"):
        lab.run([part("2.csv", batch(a=["x"]))])
    assert all_of(rows, "a, _part") == [(1, LoadedPart.objects.get().pk)]


# Merge


def test_merge_counts_come_from_what_really_happened(lab: Lab, rows: Any) -> None:
    key = {"write_mode": "merge", "primary_key": ("id",)}
    lab.run([part("1.csv", batch(id=["1", "2", "3"], a=["x", "y", None]))], **key)
    context = lab.run([part("2.csv", batch(id=["1", "2", "4", "4", None], a=["x", "Y", "old", "new", "no key"]))], **key)
    assert context.counts == Counts(read=5, written=1, updated=1, unchanged=1, rejected=1, deduplicated=1)
    assert all_of(rows, "id, a") == [(1, "x"), (2, "Y"), (3, None), (4, "new")]
    rejected = RejectedRecord.objects.get()
    assert (rejected.place, rejected.reason) == ("2.csv:6", "key column id is NULL")


def test_a_full_merge_marks_what_is_gone_and_brings_back_what_returns(lab: Lab, rows: Any) -> None:
    key = {"write_mode": "merge", "primary_key": ("id",), "cursor_field": "at"}
    lab.run([{"id": 1, "at": 1}, {"id": 2, "at": 2}], **key)
    assert lab.run([{"id": 2, "at": 2}], mode="full", **key).counts == Counts(read=1, unchanged=1, deleted=1)
    assert all_of(rows, "id, _deleted_at IS NULL") == [(1, False), (2, True)]
    assert lab.run([{"id": 1, "at": 1}, {"id": 2, "at": 2}], mode="full", **key).counts == Counts(read=2, updated=1, unchanged=1)
    assert all_of(rows, "id, _deleted_at IS NULL") == [(1, True), (2, True)]


def test_two_connectors_share_a_table_and_not_their_rows(lab: Lab, tmp_path: Any, rows: Any) -> None:
    key = {"write_mode": "merge", "primary_key": ("id",)}
    other = Lab(tmp_path, "other")
    lab.run([part("f.csv", batch(id=["1"], a=["mine"]))], **key)
    assert other.run([part("f.csv", batch(id=["1"], a=["theirs"]))], **key).counts.written == 1
    assert all_of(rows, "a, _connector_id") == [("mine", lab.connector.pk), ("theirs", other.connector.pk)]
    other.run([{"id": 5}], mode="full", **key)
    assert all_of(rows, "a, id", "_deleted_at IS NULL") == [("mine", 1), (None, 5)]


incoming = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 8)), st.sampled_from(["x", "y", "", None])), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(incoming, min_size=1, max_size=4), mode=st.sampled_from(["incremental", "full"]))
def test_every_record_is_accounted_for(lab: Lab, rows: Any, loads: list[Any], mode: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TARGET}")
    expected: dict[str, Any] = {}
    for load in loads:
        before = dict(expected)
        records = [{"id": key, "a": a} for key, a in load]
        counts = lab.run(records, mode=mode, write_mode="merge", primary_key=("id",), batch_size=5).counts
        new = {str(key): a for key, a in load if key is not None}
        expected.update(new)
        assert counts.read == len(load)
        assert counts.rejected == sum(key is None for key, _ in load)
        assert counts.written == len(new.keys() - before.keys())
        counts.check()
        assert (dict(rows(f"SELECT id::text, a FROM {TARGET}")) if expected else {}) == expected


# Records


def test_records_keep_their_kinds_and_the_cursor_commits_with_them(lab: Lab, rows: Any, column_types: Any) -> None:
    records: list[Record] = [
        {"id": 1, "price": Decimal("1.50"), "ok": True, "tags": ["a"], "code": "007", "at": datetime(2024, 1, 1, tzinfo=UTC)},
        {"id": 2, "price": 3, "ok": None, "tags": {"x": Decimal("1.10")}, "code": "8", "extra": "later"},
    ]
    lab.run(records, write_mode="append", cursor_field="id", keep_raw=True)
    assert list(column_types().values()) == ["bigint", "numeric", "boolean", "jsonb", "text", "timestamp with time zone", "text"]
    assert all_of(rows, "id, price::text, code, tags::text, _raw->>'extra'") == [
        (1, "1.50", "007", '["a"]', None),
        (2, "3", "8", '{"x": 1.10}', "later"),
    ]
    assert ConnectorState.objects.get().cursor == {"id": 2}


def test_records_out_of_order_move_the_cursor_only_at_the_end(lab: Lab) -> None:
    def torn(since: Any) -> Iterator[Record]:
        yield from ({"id": number, "at": at} for number, at in enumerate([5, 9, 3, 4]))
        raise StopStream("gone")

    with pytest.raises(StopStream):
        lab.run(torn, write_mode="merge", primary_key=("id",), cursor_field="at", batch_size=2)
    assert not ConnectorState.objects.exists()
    lab.run(
        [{"id": n, "at": at} for n, at in enumerate([5, 9, 3, 4])],
        write_mode="merge",
        primary_key=("id",),
        cursor_field="at",
        batch_size=2,
    )
    assert ConnectorState.objects.get().cursor == {"at": 9}


@pytest.mark.parametrize(("declared", "saved"), [(True, [{"id": 4}]), (False, [])])
def test_the_cursor_moves_before_the_end_only_where_the_order_is_declared(lab: Lab, declared: bool, saved: list[Any]) -> None:
    def torn(since: Any) -> Iterator[Record]:
        yield from ({"id": number} for number in range(1, 6))
        raise StopStream("gone")

    with pytest.raises(StopStream):
        lab.run(torn, write_mode="merge", primary_key=("id",), cursor_field="id", in_cursor_order=declared, batch_size=2)
    assert [state.cursor for state in ConnectorState.objects.all()] == saved


def test_appended_records_without_order_are_not_doubled_by_a_second_try(lab: Lab, rows: Any) -> None:
    tries = iter([Retry("the vendor is busy", after=0), None])

    def flaky(since: Any) -> Iterator[Record]:
        yield from ({"id": number} for number in (3, 1, 2))
        if error := next(tries):
            raise error

    context = lab.run(flaky, write_mode="append", cursor_field="id", batch_size=2)
    assert sorted(all_of(rows, "id, 0")) == [(1, 0), (2, 0), (3, 0)]
    assert context.counts.written == 3
    assert ConnectorState.objects.get().cursor == {"id": 3}


def test_retry_goes_on_from_the_last_commit(lab: Lab, rows: Any) -> None:
    def flaky(since: Any) -> Iterator[Record]:
        first = (since or {"id": 0})["id"] + 1
        yield from ({"id": number} for number in range(first, min(first + 5, 8)))
        if first < 8:
            raise Retry("the vendor is busy", after=0)

    stream = ListStream(flaky, write_mode="append", cursor_field="id", in_cursor_order=True, batch_size=2)
    context = lab.run(stream)
    assert stream.asked == [None, {"id": 5}, {"id": 7}]
    assert [i for (i, _) in all_of(rows, "id, _run_id")] == list(range(1, 8))
    assert context.counts.written == 7


def test_replace_of_records_is_one_transaction(lab: Lab, rows: Any) -> None:
    lab.run([{"id": 1}, {"id": 2}], write_mode="replace")

    def torn(since: Any) -> Iterator[Record]:
        yield from ({"id": number} for number in range(10_000))
        raise StopStream("gone")

    with pytest.raises(StopStream):
        lab.run(torn, write_mode="replace", batch_size=10)
    assert [i for i, _ in all_of(rows, "id, _run_id")] == [1, 2]
    assert lab.run([], write_mode="replace").counts == Counts(deleted=2)


# Schema policies


def test_freeze_names_column_place_and_value(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1"]))], schema_policy="freeze", write_mode="append")
    with pytest.raises(SchemaMismatch, match=r"2\.csv:3: column a is bigint and does not take 'x+…'"):
        lab.run([part("2.csv", batch(a=["2", "x" * 500]))], schema_policy="freeze", write_mode="append")
    with pytest.raises(SchemaMismatch, match="column 'b' is not in the table"):
        lab.run([part("3.csv", batch(a=["2"], b=["1"]))], schema_policy="freeze", write_mode="append")
    assert len(all_of(rows, "a, _part")) == 1


def test_discard_row_keeps_the_row_with_its_reason(lab: Lab, rows: Any, column_types: Any) -> None:
    how = {"schema_policy": "discard_row", "write_mode": "append"}
    lab.run([part("1.csv", batch(a=["1"], d=["2024-01-01"]))], **how)
    bad = batch(a=["2", "x", "3", "4"], d=["2024-01-02", None, "2023-02-29", None], b=[None, None, None, "new"])
    context = lab.run([part("2.csv", bad, Rejected("2.csv:9", "3 fields, 2 expected", "a,b,c"))], **how)
    assert context.counts == Counts(read=5, written=1, rejected=4)
    assert column_types() == {"a": "bigint", "d": "date"}
    assert [(r.place, r.reason) for r in RejectedRecord.objects.all()][-1] == ("2.csv:9", "3 fields, 2 expected")
    assert {r.place for r in RejectedRecord.objects.all()} == {"2.csv:3", "2.csv:4", "2.csv:5", "2.csv:9"}


def test_discard_value_makes_it_null_and_counts_it(lab: Lab, rows: Any, column_types: Any) -> None:
    how = {"schema_policy": "discard_value", "write_mode": "append"}
    lab.run([part("1.csv", batch(a=["1"]))], **how)
    context = lab.run([part("2.csv", batch(a=["x", "3"], b=["1", None]))], **how)
    assert column_types() == {"a": "bigint"}
    assert [a for a, _ in all_of(rows, "a, _part")] == [1, 3, None]
    assert context.discarded_values == 2
    assert RunStream.objects.order_by("-id")[0].metadata["discarded_values"] == 2


@pytest.mark.parametrize("policy", ["evolve", "freeze"])
def test_a_malformed_row_stops_the_part(lab: Lab, rows: Any, policy: str) -> None:
    with pytest.raises(StopStream, match=r"1\.csv:3: too many fields"):
        lab.run([part("1.csv", batch(a=["1"]), Rejected("1.csv:3", "too many fields"))], schema_policy=policy)
    assert not LoadedPart.objects.exists()


def test_a_nul_character_stops_or_rejects(lab: Lab) -> None:
    with pytest.raises(SchemaMismatch, match=r"1\.csv:3: column a holds a NUL"):
        lab.run([part("1.csv", batch(a=["x", "a\x00b"]))])
    assert lab.run([part("1.csv", batch(a=["x", "a\x00b"]))], schema_policy="discard_row").counts.rejected == 1
    assert "\\u0000" in (RejectedRecord.objects.get().raw or "")


# The lease and the check


def test_a_lost_lease_commits_nothing(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1"]))])

    def taken_over() -> Iterator[Any]:
        yield batch(a=["2"])
        RunStream.objects.filter(pk=context.run_stream_id).update(lease_token=uuid.uuid4())

    late = part("1.csv", version=2)
    late.batches = taken_over()
    context = lab.context(ListStream([late], write_mode="replace"))
    with pytest.raises(LeaseLost):
        run_stream(context)
    assert [a for a, _ in all_of(rows, "a, _row")] == [1]
    assert LoadedPart.objects.get().cursor == {"version": 1}
    assert context.counts == Counts()


def test_counts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(EngineError, match="Read 2 records but 1 are accounted for"):
        Counts(read=2, written=1).check()


def test_only_bronze_tables_are_targets(lab: Lab) -> None:
    with pytest.raises(StopStream, match="not in a bronze schema"):
        lab.run([{"a": 1}], target="public.ipai_secret")
