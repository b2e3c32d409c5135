"""CSV: every value as written, every bad record with its physical line."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import StopStream
from tests.connectors.formats.helpers import read_bytes


def test_values_keep_their_text(tmp_path: Path) -> None:
    data = b'id,code,amount,empty,missing,text\n1,007,10.10,"",,"a\r\nb"\n18446744073709551615,+1,1e5,"",," x "\n'
    got = read_bytes(tmp_path, data)
    assert got.columns == ["id", "code", "amount", "empty", "missing", "text"]
    assert got.rows == [("1", "007", "10.10", "", None, "a\r\nb"), ("18446744073709551615", "+1", "1e5", "", None, " x ")]
    assert set(got.kinds.values()) == {"lexical"}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|", b":", b"^"])
def test_delimiters_and_line_ends_are_found(tmp_path: Path, delimiter: bytes, end: bytes) -> None:
    lines = [b"id,name,note", b'1,"x,y",plain', b'2,z,"say ""hi"""']
    got = read_bytes(tmp_path, end.join(line.replace(b",", delimiter) for line in lines))
    inside = delimiter.decode()
    assert got.rows == [("1", f"x{inside}y", "plain"), ("2", "z", 'say "hi"')]
    assert got.places == ["orders.csv:2", "orders.csv:3"]


def test_mixed_line_ends_blank_lines_and_no_final_newline(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"\n\na,b\r\n1,2\n\n\r\n3,4\r5,6")
    assert got.rows == [("1", "2"), ("3", "4"), ("5", "6")]
    assert got.places == ["orders.csv:4", "orders.csv:7", "orders.csv:8"]


def test_decimal_commas_do_not_become_delimiters(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"id;price;weight\n1;1,5;2,5\n2;2,5;3,5\n")
    assert got.rows == [("1", "1,5", "2,5"), ("2", "2,5", "3,5")]


def test_ragged_rows_are_rejected_at_their_physical_line(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'a,b\n1,"two\nlines"\n\n2\n3,4,5\n6,7\n')
    assert [(bad.place, bad.raw) for bad in got.rejected] == [("orders.csv:5", "2"), ("orders.csv:6", "3,4,5")]
    assert got.rejected[0].reason == "1 fields where the header has 2"
    assert got.rows == [("1", "two\nlines"), ("6", "7")]
    assert got.places == ["orders.csv:2", "orders.csv:7"]


@pytest.mark.parametrize("data", [b'a,b\n1,2\n3,"open\n5,6\n', b'a,b\n1,2\n3,"open'])
def test_an_unclosed_quote_is_rejected_where_it_opens(tmp_path: Path, data: bytes) -> None:
    got = read_bytes(tmp_path, data)
    assert got.rows == [("1", "2")]
    assert [bad.place for bad in got.rejected] == ["orders.csv:3"]
    assert "never closed" in got.rejected[0].reason


def test_an_unclosed_quote_in_a_row_with_too_many_fields(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'a,b\n1,2\n3,4,5,"open\n5,6\n')
    assert got.rows == [("1", "2")]
    assert [bad.place for bad in got.rejected] == ["orders.csv:3"]
    assert "never closed" in got.rejected[0].reason


def test_an_unclosed_quote_early_in_a_large_file_stops_with_its_line(tmp_path: Path) -> None:
    data = b'a,b\n1,2\n3,"open\n' + b"x" * 200 * 1000 * 350
    with pytest.raises(StopStream, match=r"orders\.csv:3: a record is longer than 64 MB"):
        read_bytes(tmp_path, data)


def test_a_record_longer_than_a_block_is_read(tmp_path: Path) -> None:
    long = "x" * 5_000_000
    rows = "".join(f"{number},{number}\n" for number in range(100_000))
    got = read_bytes(tmp_path, f'a,b\n{rows}bad\n7,"{long}"\n8,9\n'.encode())
    assert len(got.rows) == 100_002
    assert got.rows[-2:] == [("7", long), ("8", "9")]
    assert [bad.place for bad in got.rejected] == ["orders.csv:100002"]
    assert got.places[-1] == "orders.csv:100004"


def test_a_stray_quote_inside_a_value_is_a_character(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'a,b\n1,5" disk\n2,it"s"\n3,"q"\n')
    assert got.rows == [("1", '5" disk'), ("2", 'it"s"'), ("3", "q")]


def test_nul_characters_are_rejected(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"a,b\n1,2\n3,x\0y\n5,6\nragged\n7,8\n")
    assert got.rows == [("1", "2"), ("5", "6"), ("7", "8")]
    assert sorted(bad.place for bad in got.rejected) == ["orders.csv:3", "orders.csv:5"]
    assert got.places == ["orders.csv:2", "orders.csv:4", "orders.csv:6"]


@pytest.mark.parametrize(("data", "columns"), [(b"", []), (b"\n\n", []), (b"a,b", ["a", "b"]), (b"a,b\r\n", ["a", "b"])])
def test_files_without_rows(tmp_path: Path, data: bytes, columns: list[str]) -> None:
    got = read_bytes(tmp_path, data)
    assert (got.columns, got.rows, got.rejected) == (columns, [], [])


def test_no_header_row(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"1,x\n2,y\n", header=False)
    assert got.columns == ["column_1", "column_2"]
    assert got.places == ["orders.csv:1", "orders.csv:2"]


def test_header_names_are_passed_as_they_are(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'id,id,,"the\nname"\n1,2,3,4\n')
    assert got.columns == ["id", "id", "", "the\nname"]
    assert got.rows == [("1", "2", "3", "4")]
    assert got.places == ["orders.csv:3"]


def test_a_delimiter_at_the_end_of_every_row_is_a_nameless_column(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"a,b\n1,2,\n3,4,\n")
    assert (got.columns, got.rows) == (["a", "b", ""], [("1", "2", None), ("3", "4", None)])


def test_backslash_escapes_are_found(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'a,b\n1,"say \\"hi\\" now"\n2,x\n')
    assert got.rows == [("1", 'say "hi" now'), ("2", "x")]


def test_single_quotes_are_found(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"'a','b'\n'1','x,y'\n'2','z'\n")
    assert (got.columns, got.rows) == (["a", "b"], [("1", "x,y"), ("2", "z")])


def test_apostrophes_are_not_quotes(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"a,b\n'x',1\n'y',2\n").rows == [("'x'", "1"), ("'y'", "2")]


def test_null_values_count_only_unquoted(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b'a,b\nNA,"NA"\n,""\n', null_values=("", "NA"))
    assert got.rows == [(None, "NA"), (None, "")]


def test_batches_are_bounded(tmp_path: Path) -> None:
    got = read_bytes(tmp_path, b"a,b\n" + b"some text,more text\n" * 600_000)
    assert len(got.rows) == 600_000
    assert got.largest <= 4 << 20


def test_an_option_that_is_no_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopStream, match="delimiter must be one plain character"):
        read_bytes(tmp_path, b"a\n1\n", delimiter="ü")


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8) | st.sampled_from(
    ["", " ", '"', '""', "a,b", "x\ny", "x\r\ny", "x\ry", "'", "\\", '\\"', ";", "\ufeff", "1.10", "ü\u2028ö"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6)),
    delimiter=st.sampled_from(",;\t|:^"),
    quote=st.sampled_from("\"'"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    escape=st.sampled_from(["double", "backslash"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_pythons_csv_writes_reads_back_exactly(
    rows: list[list[str]], delimiter: str, quote: str, end: str, escape: str, quoting: int
) -> None:
    out = io.StringIO()
    doubled = escape == "double"
    writer = csv.writer(
        out,
        delimiter=delimiter,
        quotechar=quote,
        lineterminator=end,
        doublequote=doubled,
        escapechar=None if doubled else "\\",
        quoting=quoting,  # type: ignore[arg-type]
    )
    header = [f"h{number}" for number in range(len(rows[0]))]
    writer.writerow(header)
    plain_breaks = quoting == csv.QUOTE_MINIMAL  # Python leaves a lone CR or LF unquoted when it is not its own line end
    if plain_breaks:
        rows = [[cell.replace("\r", "").replace("\n", "") for cell in row] for row in rows]
    writer.writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        got = read_bytes(Path(folder), out.getvalue().encode(), delimiter=delimiter, quote=quote, escape=escape)
    null = None if quoting == csv.QUOTE_MINIMAL else ""
    alone = len(header) == 1  # Python quotes a lone empty cell
    assert got.rows == [tuple(cell if cell or alone else null for cell in row) for row in rows]
    assert got.rejected == []


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["a,b", "1", '"x\ny",2', "", "1,2,3", '"q""q",z', 'x"y,1', '"unfinished, ']), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_every_record_is_a_row_or_rejected_and_its_place_is_where_it_starts(lines: list[str], end: str) -> None:
    text = end.join(["h1,h2", *lines]).replace("\n", end) if end != "\n" else "\n".join(["h1,h2", *lines])
    with tempfile.TemporaryDirectory() as folder:
        got = read_bytes(Path(folder), text.encode(), delimiter=",", quote='"', escape="double")
    physical = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for row, place in zip(got.rows, got.places, strict=True):
        line = physical[int(place.rsplit(":", 1)[1]) - 1]
        first = (row[0] or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")[0].replace('"', "")
        assert line.replace('"', "").startswith(first)
    for bad in got.rejected:
        line = physical[int(bad.place.rsplit(":", 1)[1]) - 1]
        assert bad.raw is not None
        assert line[:1] == bad.raw[:1] or line[:1] == '"'
