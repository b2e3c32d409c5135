"""Pages with their own cursor, deletions that a source names, and the proof after the last commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connectors.contract import KIND, RAW, Client, Deleted, Emitted, Page, Proof, Retry, StopStream
from connectors.engine import prove
from connectors.engine.context import Counts
from connectors.engine.loaded import LoadedRows
from connectors.models import ConnectorState, RunStream
from tests.connectors.engine.conftest import TARGET, Lab, ListStream

MERGE: dict[str, Any] = {"write_mode": "merge", "primary_key": ("id",), "cursor_field": "at", "keep_raw": True}


def page(*rows: tuple[int, str], cursor: dict[str, Any] | None = None) -> Page:
    columns = [pa.array([key for key, _ in rows], pa.int64()), pa.array([value for _, value in rows], pa.string())]
    raw = pa.array([f'{{"id": {key}}}' for key, _ in rows], pa.string())
    schema = pa.schema([("id", pa.int64()), ("value", pa.string()), pa.field("_raw", pa.string(), metadata=RAW)])
    return Page(pa.RecordBatch.from_arrays([*columns, raw], schema=schema), cursor)


def there(rows: Any) -> dict[int, tuple[str, bool]]:
    return {key: (value, gone) for key, value, gone in rows(f"SELECT id, value, _deleted_at IS NOT NULL FROM {TARGET}")}


def cursor_of(lab: Lab) -> Any:
    return ConnectorState.objects.get(connector=lab.connector, stream="things").cursor


def test_pages_are_committed_together_up_to_the_batch_size_with_the_last_cursor(lab: Lab, rows: Any) -> None:
    pages = [page((n, "a"), (n + 1, "b"), cursor={"after": n + 1}) for n in range(1, 9, 2)]
    stream = ListStream(pages, **MERGE, batch_size=4)
    committed: list[Any] = []

    class Watched(ListStream):
        def read(self, client: Client, since: Any) -> Iterator[Emitted]:
            for one in pages:
                yield one
                committed.append(dict(ConnectorState.objects.values_list("stream", "cursor")))

    stream = Watched(pages, **MERGE, batch_size=4)
    context = lab.run(stream)
    assert context.counts == Counts(read=8, written=8)
    assert committed[-1] == {"things": {"after": 4}}, "the last two pages are not committed while they are read"
    assert cursor_of(lab) == {"after": 8}
    assert rows(f"SELECT count(*), count(_raw) FROM {TARGET}") == [(8, 8)]


def test_new_keys_go_straight_into_the_table_and_known_ones_through_the_stage(lab: Lab, rows: Any) -> None:
    assert lab.run([page((1, "a"), (2, "b"), (3, "c"))], **MERGE).counts == Counts(read=3, written=3)
    again = lab.run([page((2, "b"), (3, "changed"), (4, "d"))], **MERGE)
    assert again.counts == Counts(read=3, written=1, updated=1, unchanged=1)
    assert there(rows) == {1: ("a", False), 2: ("b", False), 3: ("changed", False), 4: ("d", False)}
    twice = lab.run([page((9, "x"), (9, "y"))], **MERGE)
    assert twice.counts == Counts(read=2, written=1, deduplicated=1), "a key that comes twice is not taken for new"


def test_a_page_whose_keys_do_not_follow_begins_another_transaction(lab: Lab, rows: Any) -> None:
    pages = [page((1, "a"), (2, "b")), page((3, "c")), page((2, "changed"), (3, "c")), page((4, "d"))]
    context = lab.run(pages, **MERGE)
    assert context.counts == Counts(read=6, written=4, updated=1, unchanged=1)
    assert there(rows) == {1: ("a", False), 2: ("changed", False), 3: ("c", False), 4: ("d", False)}


def test_a_page_that_widens_a_column_has_the_earlier_ones_copied_again(lab: Lab, rows: Any) -> None:
    def numbers(keys: list[int], values: list[str]) -> Page:
        field = pa.field("value", pa.string(), metadata={KIND: b"number"})
        return Page(pa.RecordBatch.from_arrays([pa.array(keys), pa.array(values)], schema=pa.schema([("id", pa.int64()), field])))

    declared = {"id": "bigint", "value": "bigint"}
    context = lab.run([numbers([1, 2], ["1", "2"]), numbers([3], ["3.5"]), numbers([4], ["4"])], **MERGE, schema=declared)
    assert context.counts == Counts(read=4, written=4)
    assert rows(f"SELECT id, value FROM {TARGET} ORDER BY id") == [
        (key, Decimal(value)) for key, value in ((1, "1"), (2, "2"), (3, "3.5"), (4, "4"))
    ]


def test_the_source_goes_on_from_the_last_committed_page(lab: Lab, rows: Any) -> None:
    def emit(since: Any) -> Iterator[Emitted]:
        if since is None:
            yield page((1, "a"), cursor={"after": 1})
            raise Retry("the server is away", after=0)
        yield page((2, "b"), cursor={"after": 2})

    stream = ListStream(emit, **MERGE)
    context = lab.run(stream)
    assert stream.asked == [None, {"after": 1}]
    assert context.counts == Counts(read=2, written=2)
    assert cursor_of(lab) == {"after": 2}


def test_deleted_keys_are_marked_once_and_come_back_when_they_are_seen(lab: Lab, rows: Any) -> None:
    lab.run([page((1, "a"), (2, "b"))], **MERGE)
    context = lab.run([Deleted((2, 77), {"after": 2})], **MERGE)
    assert context.counts == Counts(deleted=1)
    assert there(rows) == {1: ("a", False), 2: ("b", True)}
    assert lab.run([Deleted((2,))], **MERGE).counts == Counts(), "it was marked before"
    assert lab.run([page((2, "b"))], **MERGE).counts == Counts(read=1, updated=1)
    assert there(rows)[2] == ("b", False)


def test_a_full_run_of_pages_marks_nothing_by_itself(lab: Lab, rows: Any) -> None:
    lab.run([page((1, "a"), (2, "b"))], **MERGE)
    assert lab.run([page((1, "a"))], "full", **MERGE).counts.deleted == 0
    assert there(rows)[2] == ("b", False)


def test_a_declared_table_is_made_even_when_there_is_no_record(lab: Lab, column_types: Any) -> None:
    lab.run([page()], **MERGE, schema={"id": "bigint", "value": "text"})
    assert column_types() == {"id": "bigint", "value": "text"}


def test_what_is_loaded_can_be_asked_in_totals_and_rows(lab: Lab, rows: Any) -> None:
    batch = pa.record_batch(
        {
            "id": pa.array([1, 2, 3, 4]),
            "day": pa.array([date(2026, 1, 5), date(2026, 1, 31), date(2026, 2, 1), None]),
            "kind": pa.array(["x", "x", "x", None]),
            "amount": pa.array([Decimal("1.10"), Decimal("2.20"), None, Decimal("4.00")]),
        }
    )
    lab.run([Page(batch), Deleted((9,))], write_mode="merge", primary_key=("id",), cursor_field="at")
    loaded = LoadedRows(TARGET, ("id",), lab.connector.pk)
    assert loaded.totals(["kind", "day:month"], ["amount"]) == {
        ("x", date(2026, 1, 1)): (2, Decimal("3.30")),
        ("x", date(2026, 2, 1)): (1, 0),
        (None, None): (1, Decimal("4.00")),
    }
    assert loaded.totals([], []) == {(): (4,)}
    assert loaded.members(["kind", "day:month"], (None, None), ["amount"]) == {4: (Decimal("4.00"),)}
    assert loaded.values(["kind", "nothing"], [1, 4, 9]) == {1: ("x", None), 4: (None, None)}
    assert (loaded.keys(1, 3), loaded.keys(3, None)) == ([2, 3], [4])
    rows_of_others = LoadedRows(TARGET, ("id",), lab.connector.tenant_id)
    assert rows_of_others.totals([], []) == {(): (0,)}


class Proven(ListStream):
    """Its source has the rows of ``truth``; a repair reads them."""

    truth: dict[int, str]
    moving = 0

    def prove(self, client: Client) -> Proof | None:
        assert client.loaded is not None
        if self.moving:
            self.moving -= 1
            self.truth = self.truth | {100 + self.moving: "new"}
        have = {key: row[0] for key, row in client.loaded.values(["value"], [*self.truth, *client.loaded.keys(0, None)]).items()}
        ids = sorted(key for key in self.truth.keys() | have.keys() if self.truth.get(key) != have.get(key))
        return Proof(len(self.truth), [{"what": f"{len(ids)} differ", "ids": ids}] if ids else [], ids, "the test")

    def repair(self, client: Client, proof: Proof) -> Iterator[Emitted]:
        yield page(*((key, self.truth[key]) for key in proof.suspects if key in self.truth))
        yield Deleted([key for key in proof.suspects if key not in self.truth])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between comparisons."""
    monkeypatch.setattr(prove, "PAUSE_SECONDS", 0)


def proven(lab: Lab, stream: Proven) -> Any:
    context = lab.context(stream)
    context.client.loaded = LoadedRows(TARGET, ("id",), lab.connector.pk)
    from connectors.engine.extract import run_stream

    run_stream(context)
    return context


def test_a_difference_is_read_again_and_kept_with_the_run(lab: Lab, rows: Any, quick: None) -> None:
    stream = Proven([page((1, "a"), (2, "old"), (3, "gone"))], **MERGE, truth={1: "a", 2: "new", 4: "missed"})
    context = proven(lab, stream)
    assert there(rows) == {1: ("a", False), 2: ("new", False), 3: ("gone", True), 4: ("missed", False)}
    assert context.counts == Counts(read=5, written=4, updated=1, deleted=1)
    assert (context.proof["ok"], context.proof["attempts"], context.proof["differences"]) == (True, 2, [])
    assert context.proof["repaired"] == [{"what": "3 differ", "ids": [2, 3, 4]}]


def test_rows_that_change_meanwhile_are_followed(lab: Lab, rows: Any, quick: None) -> None:
    context = proven(lab, Proven([page((1, "a"))], **MERGE, truth={1: "a"}, moving=3))
    assert (context.proof["ok"], context.proof["attempts"]) == (True, 4)


def test_a_difference_that_stays_fails_and_names_it(lab: Lab, quick: None) -> None:
    class Stubborn(Proven):
        def repair(self, client: Client, proof: Proof) -> Iterator[Emitted]:
            yield from ()

    stream = Stubborn([page((1, "a"))], **MERGE, truth={1: "b"})
    context = lab.context(stream)
    context.client.loaded = LoadedRows(TARGET, ("id",), lab.connector.pk)
    from connectors.engine.extract import run_stream

    with pytest.raises(StopStream, match=r"does not equal the test after 5 tries: 1 differ"):
        run_stream(context)
    assert context.proof is not None
    assert (context.proof["ok"], context.proof["differences"]) == (False, [{"what": "1 differ", "ids": [1]}])
    assert RunStream.objects.get(pk=context.run_stream_id).rows_written == 1, "what was loaded stays"
