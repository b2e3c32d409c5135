"""Compression, encodings, Parquet, damage, and bombs."""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from connectors.contract import StopStream
from connectors.formats import FormatOptions, describe, members
from tests.connectors.formats.helpers import read_bytes, read_path

CSV = "id,name\n1,Zürich\n2,naïve\n".encode()
ROWS = [("1", "Zürich"), ("2", "naïve")]


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


PACKED = {
    "a.csv.gz": gzip.compress(CSV),
    "two-members.csv.gz": gzip.compress(CSV[:12]) + gzip.compress(CSV[12:]),
    "a.csv.zst": zstandard.compress(CSV),
    "two-frames.csv.zst": zstandard.compress(CSV[:12]) + zstandard.compress(CSV[12:]),
    "a.csv.zip": zipped(**{"a.csv": CSV}),
    "no-extension": gzip.compress(CSV),
}


@pytest.mark.parametrize("name", PACKED)
def test_compressed_files(tmp_path: Path, name: str) -> None:
    got = read_bytes(tmp_path, PACKED[name], name)
    assert got.rows == ROWS
    assert got.places == [f"{name}:2", f"{name}:3"]


@pytest.mark.parametrize("name", PACKED)
def test_compressed_files_cut_short_are_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(StopStream, match=r"cut short|damaged"):
        read_bytes(tmp_path, PACKED[name][:-6], name)


def test_a_damaged_gzip_checksum_is_an_error(tmp_path: Path) -> None:
    data = bytearray(PACKED["a.csv.gz"])
    data[-6] ^= 1
    with pytest.raises(StopStream, match="damaged"):
        read_bytes(tmp_path, bytes(data), "a.csv.gz")


def test_zip_members_are_read_by_name_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(**{"../../escape.csv": CSV, "/abs.csv": b"x\n9\n", "__MACOSX/._a.csv": b"junk", "sub/": b""}))
    names = members(lambda: path.open("rb"), FormatOptions(), "a.zip")
    assert names == ("../../escape.csv", "/abs.csv")
    assert read_path(path, member=names[0]).rows == ROWS
    assert read_path(path, member=names[1]).rows == [("9",)]
    assert sorted(found.name for found in tmp_path.parent.iterdir() if found.name == "escape.csv") == []


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopStream, match="an archive inside an archive"):
        read_bytes(tmp_path, zipped(**{"b.zip": zipped(**{"a.csv": CSV})}), "a.zip", member="b.zip")


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(PACKED["a.csv.zip"])
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[6] |= 1
    with pytest.raises(StopStream, match="encrypted"):
        read_bytes(tmp_path, bytes(data), "a.csv.zip", member="a.csv")


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.compress, lambda data: zipped(**{"a.csv": data})], ids=["gzip", "zstd", "zip"]
)
def test_a_bomb_is_stopped(tmp_path: Path, pack: object) -> None:
    data = pack(b"0" * (80 << 20))  # type: ignore[operator]
    with pytest.raises(StopStream, match="times its size"):
        read_bytes(tmp_path, data, "a.csv")
    with pytest.raises(StopStream, match="max_bytes"):
        read_bytes(tmp_path, data, "a.csv", max_bytes=1 << 20)
    assert list((tmp_path / "scratch").iterdir()) == []


BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", BOMS)
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    got = read_bytes(tmp_path, BOMS[encoding] + CSV.decode().encode(encoding))
    assert (got.columns, got.rows) == (["id", "name"], ROWS)
    assert got.places == ["orders.csv:2", "orders.csv:3"]
    as_json = read_bytes(tmp_path, BOMS[encoding] + '{"a": "ü"}\n'.encode(encoding), "a.jsonl")
    assert as_json.rows == [("ü",)]


def test_utf16_without_a_mark_is_seen(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, CSV.decode().encode("utf-16-le")).rows == ROWS


def test_windows_1252_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        got = read_bytes(tmp_path, b"id,name\n" + b"1,plain\n" * 500_000 + "2,Zürich €\n".encode("windows-1252"))
    assert got.rows[-1] == ("2", "Zürich €")
    assert "orders.csv is not UTF-8 (line 500002): read as windows-1252" in caplog.text


@pytest.mark.parametrize("early", [True, False])
def test_one_bad_byte_in_a_utf8_file_is_an_error_with_its_line(tmp_path: Path, early: bool) -> None:
    good, bad = "1,Zoë\n".encode() * 300_000, b"2,caf\xe9\n"
    data = b"id,name\n" + (bad + good if early else good + bad)
    with pytest.raises(StopStream, match=rf"orders\.csv:{2 if early else 300_002}: .* UTF-8 otherwise: .* option encoding"):
        read_bytes(tmp_path, data)
    assert read_bytes(tmp_path, data, encoding="windows-1252").rows[0 if early else -1] == ("2", "café")


def test_pairs_that_look_like_utf8_by_chance_do_not_hide_windows_1252(tmp_path: Path) -> None:
    data = "id,name\n" + "1,Grüße\n" * 20 + "2,„Spaß“\n"
    assert "ß“".encode("windows-1252").decode("utf-8")
    assert read_bytes(tmp_path, data.encode("windows-1252")).rows[-1] == ("2", "„Spaß“")


def test_bytes_that_windows_1252_lacks_are_latin_1(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"a\n\x81\xfc\n").rows == [("\x81ü",)]


@pytest.mark.parametrize("data", [b"a,b\n1,2\n3,\xff\n", b"a,b\n1,2\n3,\xc3"])
def test_a_bad_byte_under_a_given_encoding_is_an_error_with_its_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(StopStream, match=r"orders\.csv:3: a byte that is not UTF-8"):
        read_bytes(tmp_path, data, encoding="utf-8")
    with pytest.raises(StopStream, match=r"orders\.csv:3: a byte that is not ascii"):
        read_bytes(tmp_path, data, encoding="ascii")


def test_valid_utf8_across_block_boundaries_is_not_mistaken(tmp_path: Path) -> None:
    for shift in range(4):
        data = b"a\n" + b"x" * shift + "😀ü€".encode() * 400_000 + b"\n"
        assert read_bytes(tmp_path, data).rows[0][0] == "x" * shift + "😀ü€" * 400_000


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table({
        "id": pa.array([2**64 - 1, 1], pa.uint64()),
        "code": ["007", None],
        "price": pa.array([Decimal("10.10"), Decimal("0.01")], pa.decimal128(38, 2)),
        "kind": pa.array(["a", "b"]).dictionary_encode(),
        "raw": pa.array([b"\0\xff", b""]),
    })  # fmt: skip
    out = io.BytesIO()
    pq.write_table(table, out)
    got = read_bytes(tmp_path, out.getvalue(), "a.parquet")
    assert got.rows == [(2**64 - 1, "007", Decimal("10.10"), "a", b"\0\xff"), (1, None, Decimal("0.01"), "b", b"")]
    assert got.kinds["code"] == got.kinds["kind"] == "string"
    assert read_bytes(tmp_path, gzip.compress(out.getvalue()), "a.parquet.gz").rows == got.rows
    for cut in (out.getvalue()[:-20], out.getvalue()[:40]):
        with pytest.raises(StopStream, match="not a whole Parquet file"):
            read_bytes(tmp_path, cut, "a.parquet")


def test_parquet_text_with_nul_is_rejected(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "y\0", "z"]}), out)
    got = read_bytes(tmp_path, out.getvalue(), "a.parquet")
    assert got.rows == [("x",), ("z",)]
    assert [bad.place for bad in got.rejected] == ["a.parquet: row 2"]
    assert got.places == ["a.parquet: row 1", "a.parquet: row 3"]


def test_parquet_values_with_nul_inside_are_rejected(tmp_path: Path) -> None:
    values = {
        "list": pa.array([["x"], ["y\0"], None, ["z"], ["z"], ["z"]], pa.list_(pa.string())),
        "struct": pa.array([{"a": {"b": "x"}}] * 2 + [{"a": {"b": "\0"}}, None, None, None]),
        "map": pa.array([[("k", 1)]] * 3 + [[("k\0", 1)], [("k", 2)], None], pa.map_(pa.string(), pa.int64())),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(values), out)
    got = read_bytes(tmp_path, out.getvalue(), "a.parquet")
    assert [(bad.place, "NUL" in bad.reason) for bad in got.rejected] == [(f"a.parquet: row {row}", True) for row in (2, 3, 4)]
    assert got.places == ["a.parquet: row 1", "a.parquet: row 5", "a.parquet: row 6"]


def test_parquet_text_that_is_not_utf8_is_damage(tmp_path: Path) -> None:
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    out = io.BytesIO()
    pq.write_table(pa.table({"a": text}), out)
    with pytest.raises(StopStream, match=r"a\.parquet: row 1: damaged Parquet .*Invalid UTF8"):
        read_bytes(tmp_path, out.getvalue(), "a.parquet")


def test_a_large_parquet_comes_in_bounded_batches(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [f"value number {number}" * 20 for number in range(100_000)]}), out)
    got = read_bytes(tmp_path, out.getvalue(), "a.parquet")
    assert len(got.rows) == 100_000
    assert got.largest <= 8 << 20


def test_describe(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("id;größe\n1;2\n".encode("windows-1252")))
    seen = describe(path, FormatOptions(), path.name, scratch=tmp_path)
    assert (seen.format, seen.compression, seen.encoding, seen.delimiter) == ("csv", "gzip", "windows-1252", ";")
    assert seen.columns == ("id", "größe")
