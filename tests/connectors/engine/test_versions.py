"""Streams whose records have versions: whatever the order of arrival, each row ends in its newest state. Keys of any shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Deleted, Page
from connectors.engine.context import Counts
from connectors.engine.loaded import LoadedRows
from tests.connectors.engine.conftest import TARGET, Lab

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONED: dict[str, Any] = {
    "write_mode": "merge",
    "primary_key": ("id",),
    "cursor_field": "at",
    "version": ("attempt", "at"),
    "schema": {"id": "bigint", "attempt": "bigint", "at": "timestamptz", "value": "text"},
}
State = tuple[int, int, int | None]
"""Key, attempt, minute."""


def page(states: list[State]) -> Page:
    stamps = [None if minute is None else BEGIN + timedelta(minutes=minute) for _, _, minute in states]
    return Page(
        pa.record_batch(
            {
                "id": pa.array([key for key, _, _ in states], pa.int64()),
                "attempt": pa.array([attempt for _, attempt, _ in states], pa.int64()),
                "at": pa.array(stamps, pa.timestamp("us", "UTC")),
                "value": [f"{attempt}/{minute}" for _, attempt, minute in states],
            }
        )
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 5)), min_size=1, max_size=6), min_size=1, max_size=5
    )
)
def test_any_order_of_arrival_ends_in_the_newest_state(lab: Lab, rows: Any, loads: list[list[State]]) -> None:
    lab.run([page([]), Deleted(())], **VERSIONED)
    rows(f"DELETE FROM {TARGET} RETURNING 1")
    for states in loads:
        lab.run([page(states)], **VERSIONED)
    newest: dict[int, State] = {}
    for state in (state for states in loads for state in states):
        newest[state[0]] = max(newest.get(state[0], state), state)
    found = rows(f"SELECT id, value FROM {TARGET}")
    assert dict(found) == {key: f"{attempt}/{minute}" for key, attempt, minute in newest.values()}


def test_an_older_state_counts_as_unchanged_and_does_not_bring_a_deleted_row_back(lab: Lab, rows: Any) -> None:
    lab.run([page([(1, 2, 5)])], **VERSIONED)
    lab.run([Deleted([1])], **VERSIONED)
    assert lab.run([page([(1, 2, 4), (2, 1, 1)])], **VERSIONED).counts == Counts(read=2, written=1, unchanged=1)
    assert rows(f"SELECT id, value, _deleted_at IS NULL FROM {TARGET} ORDER BY 1") == [(1, "2/5", False), (2, "1/1", True)]
    assert lab.run([page([(1, 2, 5)])], **VERSIONED).counts == Counts(read=1, updated=1), "the same state brings it back"


def test_states_that_cannot_be_compared_are_taken_as_they_come(lab: Lab, rows: Any) -> None:
    for state in [(1, 1, 5), (1, 1, None), (1, 1, 3)]:
        lab.run([page([state])], **VERSIONED)
    assert rows(f"SELECT value FROM {TARGET}") == [("1/3",)]


def test_keys_of_several_columns_and_of_text(lab: Lab, rows: Any) -> None:
    stream: dict[str, Any] = {"write_mode": "merge", "primary_key": ("repo", "path"), "cursor_field": "at"}
    batch = pa.record_batch({"repo": [1, 1, 2], "path": ["b", "a", "a"], "size": [1, 2, 3]})
    assert lab.run([Page(batch, {"at": 1})], **stream).counts == Counts(read=3, written=3)
    loaded = LoadedRows(TARGET, ("repo", "path"), lab.connector.pk)
    assert sorted(loaded.matching(["repo"], [(1,), (7,)])) == [(1, "a"), (1, "b")]
    assert loaded.matching(["path", "repo"], [("a", 2), ("b", 2)]) == [(2, "a")]
    assert loaded.matching(["repo"], [(1,)], before=BEGIN) == []
    assert len(loaded.matching(["repo"], [(1,)], before=loaded.now())) == 2
    assert lab.run([Deleted([(1, "a"), (2, "zzz")])], **stream).counts == Counts(deleted=1)
    assert loaded.matching(["repo"], [(1,)]) == [(1, "b")]
    assert LoadedRows("ipai_bronze_core.nothing", ("repo",), lab.connector.pk).matching(["repo"], [(1,)]) == []
