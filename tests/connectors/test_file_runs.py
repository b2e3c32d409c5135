"""Runs of the files source from file to table: what is loaded, what is said, what happens to files that change."""

from __future__ import annotations

import json
import os
import time
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from connectors.models import Status

pytestmark = pytest.mark.django_db(transaction=True)


def write(path: Path, text: str) -> None:
    """Write the file with a time of its own, as a later delivery has."""
    write.clock += 10
    path.write_text(text)
    os.utime(path, (write.clock, write.clock))


write.clock = time.time() - 100_000


# Files that cannot be loaded


def test_one_bad_file_under_freeze_does_not_block_the_later_ones(make_connector, run_now, files, rows):
    write(files / "1.csv", "id\n1\n")
    connector = make_connector(path=str(files / "*.csv"), table="frozen", schema_policy="freeze")
    assert run_now(connector).status == Status.SUCCESS
    write(files / "2.csv", "id,more\n2,x\n")
    write(files / "3.csv", "id\n3\n")
    run = run_now(connector)
    assert run.status == Status.FAILED
    assert run.error_message.startswith("1 of 2 could not be loaded: 2.csv:2: column 'more'")
    assert (run.rows_read, run.rows_written) == (1, 1)
    assert rows("SELECT id FROM ipai_bronze_core.frozen ORDER BY id") == [(1,), (3,)]
    write(files / "2.csv", "id\n2\n")
    assert run_now(connector).status == Status.SUCCESS
    assert rows("SELECT id FROM ipai_bronze_core.frozen ORDER BY id") == [(1,), (2,), (3,)]


def test_a_file_that_cannot_be_opened_does_not_block_the_later_ones(make_connector, run_now, files, rows):
    (files / "1.zip").write_bytes(b"PK\x03\x04 cut short")
    write(files / "2.csv", "id\n2\n")
    connector = make_connector(path=str(files / "*"), table="zipped")
    for mode in ("incremental", "full"):
        run = run_now(connector, mode=mode)
        assert run.status == Status.FAILED
        assert "1.zip is damaged or cut short" in run.error_message
        assert rows("SELECT id FROM ipai_bronze_core.zipped") == [(2,)]


def test_a_ragged_row_says_how_to_go_on_without_it(make_connector, run_now, files):
    write(files / "a.csv", "a,b\n1,2\n1,2,3\n")
    run = run_now(make_connector(path=str(files / "a.csv"), table="ragged"))
    assert "a.csv:3: 3 fields where the header has 2" in run.error_message
    assert "schema_policy discard_row" in run.error_message


def test_json_that_cannot_be_kept_is_rejected_by_its_line(make_connector, run_now, files, rows):
    deep = "[" * 3_000 + "]" * 3_000
    write(files / "a.jsonl", f'{{"a": 1}}\n{{"a": {deep}}}\n{{"a": "\\ud800"}}\n{{"a": 4}}\n')
    connector = make_connector(path=str(files / "a.jsonl"), table="deep", schema_policy="discard_row")
    run = run_now(connector)
    assert run.status == Status.SUCCESS, run.error_message
    assert [(one.place, one.reason.split(":")[0]) for one in run.rejected.all()] == [
        ("a.jsonl:2", "nested too deep"),
        ("a.jsonl:3", "not valid JSON"),
    ]
    assert rows("SELECT a FROM ipai_bronze_core.deep ORDER BY a") == [(1,), (4,)]


def test_values_nested_as_deep_as_is_read_are_stored(make_connector, run_now, files, rows):
    write(files / "a.jsonl", '{"a": ' + "[" * 800 + "]" * 800 + "}\n")
    assert run_now(make_connector(path=str(files / "a.jsonl"), table="deep")).status == Status.SUCCESS
    assert rows("SELECT length(a::text), pg_typeof(a)::text FROM ipai_bronze_core.deep") == [(1600, "jsonb")]


def test_nul_inside_a_parquet_value_names_its_row(make_connector, run_now, files, rows):
    pq.write_table(pa.table({"a": [{"b": ["x"]}, {"b": ["y\0"]}]}), files / "a.parquet")
    run = run_now(make_connector(path=str(files / "a.parquet"), table="nested"))
    assert (run.status, run.error_message.split(":")[1]) == (Status.FAILED, " row 2")
    assert "NUL" in run.error_message


def test_a_nested_time_that_json_cannot_keep_is_one_line(make_connector, run_now, files):
    pq.write_table(pa.table({"a": pa.array([[1]], pa.list_(pa.timestamp("ns")))}), files / "a.parquet")
    run = run_now(make_connector(path=str(files / "a.parquet"), table="nested"))
    assert run.status == Status.FAILED
    assert run.error_message.startswith("A nested value cannot be kept as JSON (Nanosecond")


# What is worth a warning


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_makes_no_table_and_says_so(make_connector, run_now, files, rows, content):
    write(files / "a.csv", content)
    run = run_now(make_connector(path=str(files / "a.csv"), table="nothing"))
    assert run.status == Status.SUCCESS, run.error_message
    assert run.metadata["warnings"] == ["a.csv is an empty file: nothing was loaded from it"]
    assert rows("SELECT to_regclass('ipai_bronze_core.nothing')") == [(None,)]
    write(files / "a.csv", "id\n1\n")
    assert run_now(run.connector).metadata["warnings"] == []
    assert rows("SELECT id FROM ipai_bronze_core.nothing") == [(1,)]


def test_a_header_without_rows_makes_a_table(make_connector, run_now, files, rows):
    write(files / "a.csv", "id,name\n")
    assert run_now(make_connector(path=str(files / "a.csv"), table="heads")).metadata["warnings"] == []
    assert rows("SELECT id, name FROM ipai_bronze_core.heads") == []


def test_a_warning_is_in_the_json_the_summary_and_the_page(make_connector, files, admin_client):
    (files / "a.csv").write_bytes("id,name\n1,Zürich\n".encode("windows-1252"))
    os.mkfifo(files / "pipe.csv")
    make_connector(path=str(files), table="warned")
    out = StringIO()
    call_command("runconnector", "orders", "--json", stdout=out)
    told = json.loads(out.getvalue())
    encoding, pipe = sorted(told["streams"][0]["warnings"])
    assert "a.csv is not UTF-8 (line 2): read as windows-1252" in encoding
    assert pipe.startswith("pipe.csv is not a regular file")
    page = admin_client.get(f"/admin/runs/{told['run_id']}/").content.decode()
    assert page.count("Warning:") == 2
    assert "read as windows-1252" in page
    out = StringIO()
    (files / "b.csv").write_bytes("id,name\n2,Köln\n".encode("windows-1252"))
    call_command("runconnector", "orders", stdout=out)
    assert "  warning: b.csv is not UTF-8" in out.getvalue()


# Values


def test_parquet_durations_are_intervals(make_connector, run_now, files, rows):
    seconds = [1, -90_000, 0, None]
    columns = {unit: pa.array(seconds, pa.duration("s")).cast(pa.duration(unit)) for unit in ("s", "ms", "us", "ns")}
    columns["fine"] = pa.array([1, None, -1_500_000_000, 0], pa.duration("ns"))
    columns["large"] = pa.array([2**63 - 1, -(2**63) + 1, None, 1], pa.duration("us"))
    columns["huge"] = pa.array([2**62, -7_200, None, None], pa.duration("s"))
    columns["nested"] = pa.array([[1_500], [-1], None, []], pa.list_(pa.duration("ms")))
    pq.write_table(pa.table(columns), files / "a.parquet")
    connector = make_connector(path=str(files / "a.parquet"), table="durations")
    assert run_now(connector).status == Status.SUCCESS
    kinds = dict(rows("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'durations'"))
    assert {kinds[unit] for unit in ("s", "ms", "us", "ns", "large")} == {"interval"}
    assert (kinds["fine"], kinds["huge"], kinds["nested"]) == ("text", "text", "jsonb")
    for unit in ("s", "ms", "us", "ns"):
        found = rows(f"SELECT extract(epoch FROM {unit})::float8 FROM ipai_bronze_core.durations ORDER BY _row")
        assert [value for (value,) in found] == seconds
    assert rows("SELECT (extract(epoch FROM large) * 1000000)::numeric(30,0) FROM ipai_bronze_core.durations ORDER BY _row") == [
        (2**63 - 1,),
        (-(2**63) + 1,),
        (None,),
        (1,),
    ]
    assert [value for (value,) in rows("SELECT fine FROM ipai_bronze_core.durations ORDER BY _row")] == [
        "PT0.000000001S",
        None,
        "PT-1.500000000S",
        "PT0.000000000S",
    ]
    assert rows("SELECT huge FROM ipai_bronze_core.durations ORDER BY _row")[1] == ("PT-2H-0S",)
    assert rows("SELECT nested::text FROM ipai_bronze_core.durations ORDER BY _row")[:2] == [('["PT1.5S"]',), ('["-PT0.001S"]',)]


# Files that change


def test_a_merge_leaves_alone_what_a_later_file_does_not_bring(make_connector, run_now, files, rows):
    write(files / "1.csv", "id,name,city\n1,a,Bonn\n2,b,Cali\n")
    connector = make_connector(path=str(files / "*.csv"), table="merged", primary_key=["id"])
    run_now(connector)
    write(files / "2.csv", "id,name\n1,A\n3,c\n")
    run = run_now(connector)
    assert (run.streams.get().rows_updated, run.streams.get().rows_written) == (1, 1)
    assert rows("SELECT id, name, city FROM ipai_bronze_core.merged ORDER BY id") == [
        (1, "A", "Bonn"),
        (2, "b", "Cali"),
        (3, "c", None),
    ]


def test_append_adds_each_delivery_under_its_name(make_connector, run_now, files, rows):
    connector = make_connector(path=str(files / "*.csv"), table="events", write_mode="append")

    def deliver(name: str, content: str) -> list[str]:
        write(files / name, f"a\n{content}\n")
        assert run_now(connector).status == Status.SUCCESS
        return [a for (a,) in rows("SELECT a FROM ipai_bronze_core.events ORDER BY _part")]

    assert deliver("1.csv", "A") == ["A"]
    assert deliver("1.csv", "A") == ["A"], "the same content, written again"
    assert deliver("1.csv", "B") == ["A", "B"]
    assert deliver("1.csv", "A") == ["A", "B", "A"], "back to what it was: a delivery of its own"
    (files / "1.csv").rename(files / "2.csv")
    assert run_now(connector).streams.get().rows_written == 1, "a new name is a new file"
    assert rows("SELECT count(*) FROM ipai_bronze_core.events") == [(4,)]
