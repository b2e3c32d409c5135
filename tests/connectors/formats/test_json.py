"""JSON and JSON Lines: numbers keep their text, strings are unescaped, bad lines are named."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import StopStream
from tests.connectors.formats.helpers import read_bytes


def lines(*rows: str) -> bytes:
    return "\n".join(rows).encode() + b"\n"


def test_kinds_and_exact_numbers(tmp_path: Path) -> None:
    row = r'{"id": 18446744073709551617, "price": 10.10, "e": 1E+5, "s": "caf\u00e9 \"x\"\r\n", "ok": true,'
    row += ' "n": null, "j": {"a": [1.0]}, "d": "007"}'
    for many in (1, 3000):
        got = read_bytes(tmp_path, lines(*[row] * many), "a.jsonl")
        assert got.columns == ["id", "price", "e", "s", "ok", "n", "j", "d"]
        assert got.rows == [("18446744073709551617", "10.10", "1E+5", 'café "x"\r\n', "true", None, '{"a": [1.0]}', "007")] * many
        assert got.kinds == {
            "id": "number", "price": "number", "e": "number", "s": "string",
            "ok": "boolean", "n": "lexical", "j": "json", "d": "string",
        }  # fmt: skip


def test_columns_appear_vanish_and_change_kind(tmp_path: Path) -> None:
    first, later = '{"a": "x", "b": 1}', '{"a": 5, "c": "new"}'
    got = read_bytes(tmp_path, lines(*[first] * 200_000, *[later] * 200_000), "a.jsonl")
    assert got.columns == ["a", "b", "c"]
    assert len(got.rows) == 400_000
    assert set(got.rows) == {("x", "1", None), ("5", None, "new")}


def test_a_column_of_several_kinds_is_text_with_strings_as_they_are(tmp_path: Path) -> None:
    got = read_bytes(
        tmp_path, lines('{"a": "x", "b": "x", "c": 5}', '{"a": 5, "b": [1], "c": [1]}', '{"a": true, "b": null}'), "a.jsonl"
    )
    assert got.rows == [("x", "x", "5"), ("5", "[1]", "[1]"), ("true", None, None)]
    assert got.kinds == {"a": "string", "b": "string", "c": "json"}


def test_bad_lines_are_rejected_with_their_number(tmp_path: Path) -> None:
    data = lines('{"a": 1}', "", '{"a": 2', "[1]", "7", '{"a": NaN}', "{}", '{"a": "\\ud800"}', '{"a": "x\\u0000y"}', '{"a": 3}')
    got = read_bytes(tmp_path, data, "a.jsonl")
    assert got.rows == [("1",), ("3",)]
    assert got.places == ["a.jsonl:1", "a.jsonl:10"]
    assert sorted((int(bad.place.split(":")[1]), bad.reason.split(":")[0]) for bad in got.rejected) == [
        (3, "not valid JSON"),
        (4, "not a JSON object"),
        (5, "not a JSON object"),
        (6, "not valid JSON"),
        (7, "an object without any field"),
        (8, "not valid JSON"),
        (9, "holds a NUL character, which PostgreSQL cannot store"),
    ]
    assert next(bad.raw for bad in got.rejected if bad.place == "a.jsonl:3") == '{"a": 2'


DEEP = "[" * 5_000 + "]" * 5_000


@pytest.mark.parametrize("bad", [f'{{"a": {DEEP}}}', '{"a": "\\ud800"}', '{"a": {"b": "x\\udc00"}}', '{"\\ud800": 1}'])
def test_what_cannot_be_kept_is_named_by_its_line(tmp_path: Path, bad: str) -> None:
    reason = "nested too deep" if DEEP in bad else "half of a surrogate pair"
    for many in (1, 5_000):
        rows = ['{"a": 1}'] * many + [bad] + ['{"a": 2}'] * many
        got = read_bytes(tmp_path, lines(*rows), "a.jsonl")
        assert len(got.rows) == 2 * many
        assert [(one.place, reason in one.reason) for one in got.rejected] == [(f"a.jsonl:{many + 1}", True)]
        with pytest.raises(StopStream, match=rf"a\.json:{many + 1}: .*{reason}"):
            read_bytes(tmp_path, ("[" + ",\n".join(rows) + "]").encode(), "a.json")
    with pytest.raises(StopStream, match=rf"b\.json:1: .*{reason}"):
        read_bytes(tmp_path, bad.encode(), "b.json", format="json")


def test_whole_surrogate_pairs_are_characters(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, lines('{"a": "\\ud83d\\ude00"}'), "a.jsonl").rows == [("😀",)]


def test_a_nul_late_in_a_large_file_is_found_in_text_and_in_nested_json(tmp_path: Path) -> None:
    good = ['{"a": "x", "j": {"k": "\\\\u0000 is text"}}'] * 100_000
    got = read_bytes(tmp_path, lines(*good, '{"a": "\\u0000", "j": {}}', '{"a": "y", "j": {"k": "\\u0000"}}', *good), "a.jsonl")
    assert len(got.rows) == 200_000
    assert [bad.place for bad in got.rejected] == ["a.jsonl:100001", "a.jsonl:100002"]
    assert got.places[100_000] == "a.jsonl:100003"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends(tmp_path: Path, end: str) -> None:
    got = read_bytes(tmp_path, end.join(['{"a": 1}', '{"a": 2}']).encode(), "a.jsonl")
    assert got.rows == [("1",), ("2",)]
    assert got.places == ["a.jsonl:1", "a.jsonl:2"]


def test_json_that_is_lines_is_read_as_lines(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, lines('{"a": 1}', '{"a": 2}'), "a.json").rows == [("1",), ("2",)]


def test_an_array_of_objects_in_any_layout(tmp_path: Path) -> None:
    rows = [{"id": number, "tags": [{"k": number}, {"k": 2}], "s": "}, {"} for number in range(40_000)]
    for text in (json.dumps(rows), json.dumps(rows, indent=2), "\n\n [ " + ",\n".join(map(json.dumps, rows)) + "\n]\n"):
        got = read_bytes(tmp_path, text.encode(), "a.json")
        assert [row[0] for row in got.rows] == [str(number) for number in range(40_000)]
        assert [json.loads(row[1]) for row in got.rows[::5000]] == [row["tags"] for row in rows[::5000]]
        assert {row[2] for row in got.rows} == {"}, {"}
        assert got.largest <= 4 << 20


def test_places_of_array_elements_are_physical_lines(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'[\n {"a": 1},\n\n {"a":\n 2}, 5,\n {"a": 3}\n]', "a.json")
    assert got.places == ["a.json:2", "a.json:4", "a.json:6"]
    assert [(bad.place, bad.reason, bad.raw) for bad in got.rejected] == [("a.json:5", "not a JSON object", "5")]


def test_one_object_with_one_array_inside(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'{\n"count": 2,\n"rows": [\n{"a": 1.50},\n{"a": 2}]}', "a.json")
    assert (got.rows, got.places) == ([("1.50",), ("2",)], ["a.json:4", "a.json:5"])


def test_one_object(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'\n{"base": "EUR",\n "rates": {"USD": 1.10}}\n', "a.json")
    assert (got.columns, got.rows) == (["base", "rates"], [("EUR", '{"USD": 1.10}')])
    assert got.places == ["a.json:2"]


@pytest.mark.parametrize(
    ("data", "line"), [(b'[{"a": 1},\n{"a": 2}\n{"a": 3}]', 3), (b'[{"a": 1},\n{"a": ', 2), (b'{"a": 1,\n\n "b"}', 3)]
)
def test_a_broken_document_stops_with_its_line(tmp_path: Path, data: bytes, line: int) -> None:
    with pytest.raises(StopStream, match=rf"a\.json:{line}: not valid JSON"):
        read_bytes(tmp_path, data, "a.json")


@pytest.mark.parametrize(("name", "data"), [("a.json", b"[]"), ("a.json", b" "), ("a.jsonl", b""), ("a.jsonl", b"\n\n")])
def test_documents_without_rows(tmp_path: Path, name: str, data: bytes) -> None:
    got = read_bytes(tmp_path, data, name)
    assert (got.rows, got.rejected) == ([], [])


SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=6)
)  # fmt: skip
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2), max_leaves=4
)
KEY = st.sampled_from(["a", "b", "c d", "ü", "", "null", "f0", '"'])


def back(text: str | None, kind: str) -> Any:
    return text if text is None or kind == "string" else json.loads(text, parse_float=Decimal)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.dictionaries(KEY, VALUE, min_size=1, max_size=4), min_size=1, max_size=8),
    ascii_only=st.booleans(),
    shape=st.sampled_from(["jsonl", "array", "pretty"]),
)
def test_what_json_dumps_writes_reads_back_exactly(rows: list[dict[str, Any]], ascii_only: bool, shape: str) -> None:
    if shape == "jsonl":
        text, name = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows), "a.jsonl"
    else:
        text, name = json.dumps(rows, ensure_ascii=ascii_only, indent=1 if shape == "pretty" else None), "a.json"
    with tempfile.TemporaryDirectory() as folder:
        got = read_bytes(Path(folder), text.encode(), name)
    assert got.rejected == []
    assert len(got.rows) == len(rows)
    for row, found, kinds in zip(rows, got.rows, got.row_kinds, strict=True):
        for column, text_found in zip(got.columns, found, strict=True):
            wanted = json.loads(json.dumps(row.get(column)), parse_float=Decimal)
            if kinds.get(column) == "string" and isinstance(wanted, list | dict):  # as written: a pretty file is indented
                assert json.loads(text_found, parse_float=Decimal) == wanted
            elif kinds.get(column) == "string" and wanted is not None and not isinstance(wanted, str):
                assert text_found == json.dumps(row[column], ensure_ascii=ascii_only)  # several kinds in one column
            else:
                assert back(text_found, kinds.get(column, "lexical")) == wanted
