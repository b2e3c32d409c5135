"""No value changes on its way into the table: each silent corruption seen elsewhere, and any text at all."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.engine import types
from connectors.engine.jsontext import all_valid
from tests.connectors.engine.conftest import TARGET, Lab, batch, part


def read(rows: Any, column: str = "a") -> list[Any]:
    return [row[0] for row in rows(f'SELECT "{column}"::text FROM {TARGET} ORDER BY _part, _row')]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "9223372036854775807"], "bigint"),
        (["1", "9223372036854775808"], "numeric"),
        (["1.50", "2", "-0.005"], "numeric"),
        (["123456789012345678901234567890.5", "1"], "numeric"),
        (["1.5e-07", "2.25"], "numeric"),
        (["007", "8"], "text"),
        (["+1", "2"], "text"),
        (["-0", "2"], "text"),
        (["-0.00", "2"], "text"),
        ([" 1", "2"], "text"),
        (["1e5", "12e4"], "text"),
        (["NaN", "1"], "text"),
        (["Infinity", "1"], "text"),
        (["", "1"], "text"),
        ([None, "1"], "bigint"),
        ([None, None], "text"),
        (["true", "FALSE"], "boolean"),
        (["t", "f"], "text"),
        (["true", "1"], "text"),
        (["2024-02-29", "0001-01-01"], "date"),
        (["2023-02-29"], "text"),
        (["0000-01-01"], "text"),
        (["2024-01-01 10:00", "2024-01-01T10:00:00.123456"], "timestamp without time zone"),
        (["2024-01-01 10:00:00.1234567"], "text"),
        (["2024-01-01 10:00:60"], "text"),
        (["2024-01-01 24:00:00"], "text"),
        (["2024-01-01", "2024-01-01 10:00:00"], "text"),
        (["2024-01-01 10:00:00", "2024-01-01 10:00:00Z"], "text"),
        (["2024-01-01 10:00:00+05:30", "2024-01-01T10:00:00Z"], "timestamp with time zone"),
        (["2024-01-01 10:00:00+15:30"], "text"),
        (["6f1c3b1e-5f0b-4c59-9a48-000000000001"], "uuid"),
        (["6f1c3b1e5f0b4c599a48000000000001"], "text"),
        (['{"a": 1}', "[2]"], "jsonb"),
        (['{"a": 1}', "2"], "text"),
        (['{"a": 1, "a": 2}'], "text"),
        (['{"a": "\\u0000"}'], "text"),
        (["{a: 1}"], "text"),
        (["{},{}"], "text"),
        (["[1", "2]"], "text"),
    ],
)
def test_a_column_gets_the_narrowest_type_that_keeps_every_value(
    lab: Lab, rows: Any, column_types: Any, values: list[str | None], kind: str
) -> None:
    lab.run([part("f.csv", batch(a=values))])
    assert column_types() == {"a": kind}
    if kind in ("text", "bigint"):
        assert read(rows) == values
    if kind == "numeric":
        assert [Decimal(v) for v in read(rows)] == [Decimal(v or "") for v in values]


def test_quoted_empty_text_and_null_stay_two_things(lab: Lab, rows: Any) -> None:
    lab.run([part("f.csv", batch(a=["", None, "x"], b=["1", "2", "3"]))])
    assert read(rows) == ["", None, "x"]


def test_line_ends_inside_values_are_kept(lab: Lab, rows: Any) -> None:
    values = ["a\r\nb", "a\nb", "a\rb", "\\.", "\\N", '"', ","]
    lab.run([part("f.csv", batch(a=values))])
    assert read(rows) == values


def test_decimals_keep_every_digit_and_their_scale(lab: Lab, rows: Any) -> None:
    values = ["0.1", "0.10", "9999999999999.99", "-12345.6789", "100", "0.000000000001"]
    lab.run([part("f.csv", batch(a=values))])
    assert read(rows) == values


def test_json_decimals_do_not_pass_through_a_double(lab: Lab, rows: Any) -> None:
    lab.run([part("f.jsonl", batch(b"number", a=["0.1000000000000000055", "1E2", "12345678901234567890.12"]))])
    assert [Decimal(v) for v in read(rows)] == [Decimal("0.1000000000000000055"), Decimal(100), Decimal("12345678901234567890.12")]


def test_json_strings_of_digits_stay_text(lab: Lab, column_types: Any) -> None:
    lab.run([part("f.jsonl", batch(b"string", a=["1", "2"]))])
    assert column_types() == {"a": "text"}


def test_parquet_types_keep_their_values(lab: Lab, rows: Any, column_types: Any) -> None:
    table = pa.RecordBatch.from_pydict(
        {
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "f": pa.array([float("nan"), 0.1], pa.float64()),
            "d": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "ns": pa.array([1, 2], pa.timestamp("ns")),
            "us": pa.array([1, None], pa.timestamp("ns")).cast(pa.timestamp("us"), safe=False),
            "nested": pa.array([{"x": [Decimal("1.10")]}, None], pa.struct([("x", pa.list_(pa.decimal128(5, 2)))])),
            "code": pa.array(["007", None]).dictionary_encode(),
            "large": pa.array(["9", None], pa.large_string()),
            "blob": pa.array([b"\x00\xff", None], pa.binary()),
            "i": pa.array([1, -1], pa.int8()),
            "uid": pa.array([uuid.UUID(int=1).bytes, None], pa.uuid()),
            "time": pa.array([datetime.time(23, 59, 59, 999999), None], pa.time64("us")),
            "none": pa.nulls(2),
        }
    )
    lab.run([part("f.parquet", table)])
    found = column_types()
    assert found["u"] == "numeric(20,0)"
    assert (found["f"], found["d"], found["ns"], found["i"]) == ("double precision", "numeric(9,2)", "text", "smallint")
    assert (found["nested"], found["blob"], found["uid"], found["code"], found["large"]) == (
        "jsonb",
        "bytea",
        "uuid",
        "text",
        "text",
    )
    row = rows(
        f"SELECT u::text, f::text, d::text, ns, nested::text, code, blob, uid::text, time::text FROM {TARGET} WHERE _row = 1"
    )[0]
    assert row[:4] == ("18446744073709551615", "NaN", "1.50", "1970-01-01 00:00:00.000000001")
    assert row[4:6] == ('{"x": [1.10]}', "007")
    assert bytes(row[6]) == b"\x00\xff"
    assert row[7:] == (str(uuid.UUID(int=1)), "23:59:59.999999")


number = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(str),
)
plain = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
moment = st.datetimes(min_value=datetime.datetime(1, 1, 2)).map(lambda m: m.isoformat(sep=" "))  # noqa: DTZ001
value = st.one_of(
    st.lists(st.one_of(st.none(), kind), min_size=6, max_size=6)  # type: ignore[arg-type]
    for kind in (
        number,
        plain,
        st.dates().map(str),
        moment,
        st.uuids().map(str),
        st.sampled_from(["true", "false"]),
        st.one_of(number, plain),
        st.sampled_from(["0", "00", "-0", "1.0", "1.00", "1e5", "", " ", "{}", "null", "2024-01-01", "2024-13-01", "٣", "１"]),
    )
)


def same(before: str | None, after: str | None, kind: str) -> bool:
    """Whether the table's text says the same as the file's, by the type's own rule."""
    if before is None or after is None or kind in ("text", "bigint", "uuid", "date", "boolean"):
        return before == after
    if kind == "numeric":
        return Decimal(before).as_tuple() == Decimal(after).as_tuple()
    if kind == "jsonb":
        return json.loads(before) == json.loads(after)
    return datetime.datetime.fromisoformat(before) == datetime.datetime.fromisoformat(after)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.lists(value, min_size=1, max_size=4), cut=st.integers(0, 6))
def test_any_table_of_text_round_trips(lab: Lab, rows: Any, column_types: Any, columns: list[list[str | None]], cut: int) -> None:
    rows_of = {f"c{number}": values for number, values in enumerate(columns)}
    whole = batch(**rows_of)
    lab.run([part(f"{uuid.uuid4()}", *(whole.slice(row, 1) for row in range(cut)), whole.slice(cut))])
    found = column_types()
    for name, values in rows_of.items():
        after = read(rows, name)
        assert all(map(same, values, after, [found[name]] * 6)), (name, values, after, found[name])
    rows_to_drop(rows)


def rows_to_drop(rows: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TARGET}")


@given(
    st.recursive(st.one_of(st.none(), st.integers(-(10**9), 10**9), plain), lambda inner: st.dictionaries(plain, inner, max_size=3))
)
@settings(max_examples=100, deadline=None)
def test_json_written_by_others_is_recognised(data: Any) -> None:
    for ascii_only in (True, False):
        text = json.dumps(data, ensure_ascii=ascii_only)
        assert all_valid(pa.array([text], pa.string())) == ("\\u0000" not in text)


@given(one=st.sampled_from([*types.PATTERNS, "text", "jsonb", None]), two=st.sampled_from([*types.PATTERNS, "text", "jsonb", None]))
def test_joining_types_does_not_depend_on_the_order(one: str | None, two: str | None) -> None:
    assert types.join(one, two) == types.join(two, one)
    assert types.join(one, one) == one
