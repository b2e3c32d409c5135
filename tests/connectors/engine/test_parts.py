"""Parts: their versions, those that fail, and where a cancelled stream stops, as the database sees it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import Gone, Rejected, StopStream
from connectors.engine.context import Counts
from connectors.engine.errors import Cancelled
from connectors.engine.extract import run_stream
from connectors.models import LoadedPart, RunStream
from tests.connectors.engine.conftest import TARGET, Lab, ListStream, all_of, batch, part


def test_replace_mirrors_the_source(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1", "2"])), part("2.csv", batch(a=["3"]))], write_mode="replace")
    context = lab.run([part("1.csv", batch(a=["4"]), version=2), Gone("2.csv")], write_mode="replace")
    assert [a for a, _ in all_of(rows, "a, _row")] == [4]
    assert context.counts == Counts(read=1, written=1, deleted=3)
    stream = ListStream([], write_mode="replace")
    lab.run(stream)
    assert stream.asked == [{"1.csv": {"version": 2}}]


def test_a_full_run_of_replace_removes_parts_that_were_not_emitted(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1"])), part("2.csv", batch(a=["2"]))], write_mode="replace")
    context = lab.run([part("2.csv", batch(a=["2"]))], mode="full", write_mode="replace")
    assert [a for a, _ in all_of(rows, "a, _row")] == [2]
    assert context.counts == Counts(read=1, written=1, deleted=2)


def test_append_adds_each_version_once(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1"]))], write_mode="append")
    lab.run([part("1.csv", batch(a=["2"]), version=2)], write_mode="append")
    again = lab.run([part("1.csv", batch(a=["2"]), version=2)], write_mode="append")
    assert again.counts == Counts()
    full = lab.run([part("1.csv", batch(a=["2"]), version=2)], mode="full", write_mode="append")
    assert full.counts == Counts(read=1, written=1, deleted=1)
    assert [a for a, _ in all_of(rows, "a, _row")] == [1, 2]


def test_a_part_that_fails_leaves_the_earlier_ones_and_nothing_of_its_own(lab: Lab, rows: Any) -> None:
    def torn() -> Iterator[Any]:
        yield from [batch(a=["2"])] * 8
        raise StopStream("2.csv: the file was cut short")

    bad = part("2.csv")
    bad.batches = torn()
    with pytest.raises(StopStream, match="cut short"):
        lab.run([part("1.csv", batch(a=["1"])), bad])
    assert [a for a, _ in all_of(rows, "a, _row")] == [1]
    assert [p.name for p in LoadedPart.objects.all()] == ["1.csv"]
    assert RunStream.objects.order_by("-id")[0].rows_written == 1


def test_a_part_that_fails_does_not_keep_later_ones_from_loading(lab: Lab, rows: Any) -> None:
    parts = [
        part("1.csv", batch(a=["1"])),
        part("2.csv", batch(b=["2"])),
        part("3.csv", batch(a=["3"])),
        part("4.csv", batch(c=["4"])),
    ]
    lab.run([part("0.csv", batch(a=["0"]))], schema_policy="freeze")
    with pytest.raises(StopStream, match=r"2 of 4 could not be loaded: 2\.csv:2: column 'b' .*; 4\.csv:2: column 'c' "):
        lab.run(parts, schema_policy="freeze")
    assert [a for a, _ in all_of(rows, "a, _row")] == [0, 1, 3]
    assert sorted(p.name for p in LoadedPart.objects.all()) == ["0.csv", "1.csv", "3.csv"]


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_a_full_run_with_a_part_that_failed_takes_nothing_away(lab: Lab, rows: Any, mode: str) -> None:
    attributes = {"write_mode": mode, "primary_key": ("a",) if mode == "merge" else ()}
    lab.run([part("1.csv", batch(a=["1"])), part("2.csv", batch(a=["2"]))], **attributes)
    with pytest.raises(StopStream, match="too many"):
        lab.run([part("1.csv", Rejected("1.csv:2", "too many")), part("3.csv", batch(a=["3"]))], mode="full", **attributes)
    assert rows(f"SELECT a FROM {TARGET} WHERE _deleted_at IS NULL ORDER BY a") == [(1,), (2,), (3,)]


# Cancelling


def test_a_run_cancelled_after_its_last_record_has_done_all(lab: Lab, rows: Any) -> None:
    context = lab.context(ListStream([part("1.csv", batch(a=["1"])), part("2.csv", batch(a=["2"]))]))
    context.stopping = lambda: context.counts.read == 2
    assert run_stream(context) == Counts(read=2, written=2)
    assert RunStream.objects.get(pk=context.run_stream_id).rows_written == 2


def test_a_run_cancelled_with_more_to_come_keeps_what_it_counted(lab: Lab, rows: Any) -> None:
    context = lab.context(ListStream([part("1.csv", batch(a=["1"])), part("2.csv", batch(a=["2"]))]))
    context.stopping = lambda: context.counts.read == 1
    with pytest.raises(Cancelled):
        run_stream(context)
    assert context.counts == Counts(read=1, written=1)
    assert rows(f"SELECT a FROM {TARGET}") == [(1,)]


def test_a_source_that_ends_because_it_was_told_to_is_not_at_its_end(lab: Lab, rows: Any) -> None:
    lab.run([part("1.csv", batch(a=["1"])), part("2.csv", batch(a=["2"]))], write_mode="replace")
    told: list[bool] = []

    class Obedient(ListStream):
        def read(self, client: Any, since: Any) -> Iterator[Any]:
            yield part("1.csv", batch(a=["1"]))
            told.append(True)
            if not client.stopping():
                yield part("2.csv", batch(a=["2"]))

    context = lab.context(Obedient([], write_mode="replace"), "full")
    context.stopping = lambda: bool(told)
    with pytest.raises(Cancelled):
        run_stream(context)
    assert rows(f"SELECT a FROM {TARGET} ORDER BY a") == [(1,), (2,)]
