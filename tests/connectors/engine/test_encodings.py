"""Binary COPY and its CSV fallback store the same values; many misfits in a large batch cost little."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import KIND
from connectors.engine import encode as encoding
from connectors.engine import types
from connectors.engine.encode import encode
from connectors.engine.numeric import Unfit
from tests.connectors.engine.conftest import Lab, batch, part

CONSTANT = {"_run_id": UUID(int=7)}
COLUMNS = {
    "i": st.integers(-(2**63), 2**63 - 1).map(str),
    "n": st.decimals(-(10**9), 10**9, allow_nan=False, places=4).map(lambda value: f"{value:f}") | st.just("1.50"),
    "b": st.sampled_from(["true", "false", "TRUE"]),
    "d": st.dates().map(str),
    "s": st.datetimes().map(str),
    "z": st.datetimes().map(lambda value: f"{value.isoformat()}+05:30"),
    "u": st.uuids().map(str),
    "j": st.dictionaries(st.text('abé"\\\n', max_size=3), st.integers(), max_size=3).map(
        lambda value: encoding._JSON.encode(value).decode()
    ),
    "t": st.text(st.characters(exclude_characters="\0", categories=("L", "N", "P", "S", "Zs", "Cc"))),
}
TARGETS = dict(
    zip(COLUMNS, ("bigint", "numeric", "boolean", "date", "timestamp", "timestamptz", "uuid", "jsonb", "text"), strict=True)
)
ROWS = st.lists(st.tuples(*(values | st.none() for values in COLUMNS.values())), min_size=1, max_size=20)


def stored(cursor: psycopg.Cursor[Any], payload: encoding.Payload) -> list[Any]:
    """The rows as the server shows them after a COPY of the payload."""
    definitions = ", ".join(f"{name} {kind}" for name, kind in TARGETS.items())
    cursor.execute(f"CREATE TEMP TABLE both_forms (row serial, {definitions}, _run_id uuid)")
    with cursor.copy(f"COPY both_forms ({', '.join(payload.columns)}) FROM STDIN (FORMAT {payload.format})") as copy:
        for chunk in payload.chunks:
            copy.write(chunk)
    found = cursor.execute("SELECT b::text FROM both_forms b ORDER BY row").fetchall()
    cursor.execute("DROP TABLE both_forms")
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=ROWS)
def test_binary_and_csv_store_the_same_values(db: None, found: list[tuple[str | None, ...]]) -> None:
    kept = [
        row
        for row in found
        if all(
            value is None or types.fits(pa.array([value]), kind, b"lexical")
            for value, kind in zip(row, TARGETS.values(), strict=True)
        )
    ]
    fields = [pa.field(name, pa.string(), metadata={KIND: b"lexical"}) for name in TARGETS]
    columns = [pa.array([row[place] for row in kept], pa.string()) for place in range(len(fields))]
    rows = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    binary = encode(rows, TARGETS, CONSTANT)
    assert binary.format == "binary"
    pairs = [(field, values, TARGETS[field.name]) for field, values in zip(rows.schema, rows.columns, strict=True)]
    as_csv = encoding.Payload("csv", binary.columns, [encoding._csv(pairs, CONSTANT, rows.num_rows)], rows.num_rows)
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        assert stored(cursor, binary) == stored(cursor, as_csv)


def test_a_slice_encodes_its_own_rows_whatever_stands_before() -> None:
    values = pa.array(["x", None, str(UUID(int=1)), str(UUID(int=2))]).slice(2)
    assert [UUID(bytes=value.as_py()) for value in encoding._uuid_wire(values)] == [UUID(int=1), UUID(int=2)]


def test_more_digits_than_the_binary_form_takes_go_as_csv() -> None:
    values = pa.RecordBatch.from_arrays([pa.array(["1" * 30 + ".5"])], schema=pa.schema([pa.field("n", pa.string())]))
    assert encode(values, {"n": "numeric"}, {}).format == "csv"
    with pytest.raises((Unfit, pa.ArrowInvalid)):
        encoding._wire(values.column(0), "numeric", True)
    assert Decimal(values.column(0)[0].as_py()) > 0


@pytest.mark.slow
def test_a_tenth_of_misfits_is_rejected_in_linear_time(lab: Lab) -> None:
    def load(rows: int, version: int) -> float:
        texts = ["x" if number % 10 == 0 else str(number) for number in range(rows)]
        step = 10_000
        batches = [batch(a=texts[start : start + step]) for start in range(0, rows, step)]
        started = time.process_time()
        context = lab.run([part(f"f{version}.csv", *batches)], schema_policy="discard_row")
        assert (context.counts.written, context.counts.rejected) == (rows * 9 // 10, rows // 10)
        return time.process_time() - started

    lab.run([part("f.csv", batch(a=["1"]))], schema_policy="discard_row")
    assert load(200_000, 3) < 8 * load(50_000, 2)
