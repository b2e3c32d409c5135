"""The files source: which files are read, skipped, gone, and what it says."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator

from connectors.contract import Client, Gone, Part, Rejected, StopStream
from connectors.engine.client import build_http
from connectors.sources.files import FilesSource, FilesStream
from connectors.storage import LocalPlace
from tests.connectors.storage.servers import send_file, serving

DEMO = Path(__file__).resolve().parents[3] / "connectors" / "demo"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return (tmp_path / "data").resolve()


@pytest.fixture
def client(tmp_path: Path, data: Path) -> Iterator[Client]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    log = logging.getLogger("run")
    with build_http(log, True) as http:
        yield Client(http, scratch, log, files_roots=(data,))


def load(
    client: Client, config: dict[str, Any], since: dict[str, Any] | None = None
) -> tuple[dict[str, int], list[str], dict[str, Any]]:
    """Rows by part, names that are gone, and the state after it."""
    rows: dict[str, int] = {}
    gone: list[str] = []
    state = dict(since or {})
    for item in FilesStream(config, {}).read(client, since):
        if isinstance(item, Gone):
            gone.append(item.name)
            continue
        assert isinstance(item, Part)
        rows[item.name] = sum(batch.num_rows for batch in item.batches if isinstance(batch, pa.RecordBatch))
        state[item.name] = json.loads(json.dumps(item.cursor))
    assert list(client.scratch.iterdir()) == []
    return rows, gone, state


def test_new_files_only(client: Client, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"path": f"{data}/*.csv", "table": "t"}
    (data / "b.csv").write_text("a\n1\n2\n")
    (data / "a.csv").write_text("a\n1\n")
    rows, gone, state = load(client, config)
    assert (list(rows.items()), gone) == ([("a.csv", 1), ("b.csv", 2)], [])
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", lambda *_: pytest.fail("a file of the same size and time is not opened"))
        assert load(client, config, state)[:2] == ({}, [])
    os.utime(data / "a.csv", (1, 1))
    assert load(client, config, state)[:2] == ({}, []), "touched, the same content"
    (data / "b.csv").write_text("a\n3\n4\n")
    (data / "c.csv").write_text("a\n")
    (data / "a.csv").unlink()
    assert load(client, config, state)[:2] == ({"b.csv": 2, "c.csv": 0}, ["a.csv"])


def zipped(path: Path, **files: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    path.write_bytes(out.getvalue())


def test_a_zip_is_a_part_per_member(client: Client, data: Path) -> None:
    config = {"path": f"{data}/a.zip", "table": "t"}
    zipped(data / "a.zip", **{"x.csv": "a\n1\n", "y.jsonl": '{"a": 1}\n{"a": 2}\n'})
    rows, _, state = load(client, config)
    assert rows == {"a.zip/x.csv": 1, "a.zip/y.jsonl": 2}
    assert load(client, config, state)[:2] == ({}, [])
    half = {"a.zip/x.csv": state["a.zip/x.csv"]}
    assert load(client, config, half)[:2] == ({"a.zip/y.jsonl": 2}, []), "a run that ended between two members goes on"
    zipped(data / "a.zip", **{"x.csv": "a\n1\n2\n"})
    assert load(client, config, state)[:2] == ({"a.zip/x.csv": 2}, ["a.zip/y.jsonl"])


def test_no_file_at_all(client: Client, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = {"a.csv": {"size": 1}}
    with pytest.raises(StopStream, match=r"No file matches .*: check the name"):
        load(client, {"path": f"{data}/*.csv", "table": "t"})
    with pytest.raises(StopStream, match="the 1 loaded earlier are kept"):
        load(client, {"path": f"{data}/*.csv", "table": "t"}, state)
    assert load(client, {"path": f"{data}/*.csv", "table": "t", "write_mode": "append"}, state)[:2] == ({}, [])
    assert "what was loaded is kept" in caplog.text


def test_a_file_deleted_after_listing_is_left_out(client: Client, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (data / name).write_text("a\n1\n")
    seen = []
    for item in FilesStream({"path": f"{data}/*.csv", "table": "t"}, {}).read(client, None):
        seen.append(item.name)
        (data / "b.csv").unlink(missing_ok=True)
    assert seen == ["a.csv", "c.csv"]
    assert "b.csv was deleted after it was listed" in caplog.text


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 3)


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("3,late\n")


def rewrite(path: Path) -> None:
    with path.open("r+") as file:
        file.write("b,a")


@pytest.mark.parametrize("change", [cut, grow, rewrite])
def test_a_file_changed_while_it_is_read_ends_in_an_error(client: Client, data: Path, change: Callable[[Path], None]) -> None:
    path = data / "a.csv"
    path.write_text("a,b\n" + '1,"quoted text"\n' * 300_000)
    stream = FilesStream({"path": str(path), "table": "t"}, {})
    reading = stream.read(client, None)
    part = next(reading)
    assert isinstance(part, Part)
    batches = iter(part.batches)
    next(batches)
    change(path)
    with pytest.raises(StopStream, match="changed while it was read"):
        for _ in batches:
            pass


def test_a_file_that_became_a_pipe_after_listing_fails_alone(client: Client, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.csv"):
        (data / name).write_text("id\n1\n")
    listed = LocalPlace.items

    def then_a_pipe(place: LocalPlace) -> Any:
        items = listed(place)
        (data / "a.csv").unlink()
        os.mkfifo(data / "a.csv")
        return items

    monkeypatch.setattr(LocalPlace, "items", then_a_pipe)
    parts = {part.name: part for part in FilesStream({"path": f"{data}/*.csv", "table": "t"}, {}).read(client, None)}
    with pytest.raises(StopStream, match=r"a\.csv is not a regular file"):
        list(parts["a.csv"].batches)
    assert list(parts) == ["a.csv", "b.csv"]


def test_places_and_rejected_records_name_file_and_line(client: Client, data: Path) -> None:
    (data / "a.csv").write_text('a,b\n1,"x\ny"\nbad\n2,z\n')
    reading = FilesStream({"path": f"{data}/a.csv", "table": "t"}, {}).read(client, None)
    part = next(reading)
    assert isinstance(part, Part)
    rejected = [item for item in part.batches if isinstance(item, Rejected)]
    assert [bad.place for bad in rejected] == ["a.csv:4"]
    assert [part.place(row) for row in (1, 0, 1)] == ["a.csv:5", "a.csv:2", "a.csv:5"]


def test_a_url_is_skipped_by_its_etag(client: Client) -> None:
    content = [b"a\n1\n"]
    with serving(lambda handler, _: send_file(handler, content[0])) as server:
        config = {"url": f"{server.url}/x.csv", "table": "t"}
        rows, _, state = load(client, config)
        assert rows == {"x.csv": 1}
        assert load(client, config, state)[:2] == ({}, [])
        assert server.count() == 1
        content[0] = b"a\n1\n2\n"
        assert load(client, config, state)[:2] == ({"x.csv": 2}, [])


def test_the_stream_follows_the_config() -> None:
    stream = FilesStream({"path": "/x", "table": "orders", "primary_key": "id, line"}, {})
    assert (stream.name, stream.target, stream.primary_key, stream.write_mode) == (
        "orders",
        "ipai_bronze_core.orders",
        ("id", "line"),
        "merge",
    )
    assert FilesStream({"path": "/x", "table": "orders"}, {}).write_mode == "replace"
    assert FilesStream({"path": "/x", "table": "t", "primary_key": ["id"], "write_mode": "append"}, {}).write_mode == "append"


@pytest.mark.parametrize("table", ["", "_x", "X", "a-b", "a.b", "1a", "a" * 64, 'a"; drop'])
def test_table_names_are_plain(table: str) -> None:
    with pytest.raises(StopStream, match="not a table name"):
        FilesStream({"path": "/x", "table": table}, {})
    assert list(Draft202012Validator(FilesSource.config_schema).iter_errors({"path": "/x", "table": table}))


@pytest.mark.parametrize(
    ("config", "field"),
    [({}, "path"), ({"path": "/x", "url": "https://h/x"}, "url"), ({"path": "/x", "write_mode": "merge"}, "primary_key"),
     ({"path": "/x", "prefix": "y"}, "prefix"), ({"path": "/x", "delimiter": '"'}, "quote"),
     *[({"path": "/x", "encoding": name}, "encoding") for name in ("hex", "rot13", "nonsense", "undefined")],
     *[({"bucket": name}, "bucket") for name in ("a b", "s3://sales", "sales/2026", "säle")]],
)  # fmt: skip
def test_rules_beyond_the_schema(config: dict[str, Any], field: str) -> None:
    assert list(FilesSource.validate({"table": "t"} | config)) == [field]


@pytest.mark.parametrize("name", ["utf-8", "UTF-16", "windows-1252", "latin1", "shift_jis", "utf-8-sig"])
def test_encodings_of_text_are_taken(name: str) -> None:
    assert FilesSource.validate({"table": "t", "path": "/x", "encoding": name}) == {}


def test_check_says_what_is_there(client: Client, data: Path) -> None:
    (data / "a.csv").write_text("id;name\n1;x\n")
    lines = list(FilesSource({"path": f"{data}/*.csv", "table": "t"}).check(client))
    assert all(line.ok for line in lines)
    assert "1 file, 0.0 MB, newest" in lines[0].detail
    assert lines[1].detail == "a.csv: csv, utf-8, delimiter ';'; columns: id, name"
    missing = list(FilesSource({"path": f"{data}/*.csv", "table": "t", "primary_key": "nr"}).check(client))
    assert not missing[1].ok
    assert "no column nr for the primary key" in missing[1].detail
    assert not next(FilesSource({"path": f"{data}/none", "table": "t"}).check(client)).ok


def test_the_demo_loads(client: Client) -> None:
    client.files_roots = (DEMO,)
    counted: dict[str, int] = {}
    for entry in json.loads((DEMO / "connectors.json").read_text()):
        if entry["type"] != "files":
            continue
        config = entry["config"] | {"path": entry["config"]["path"].replace("{demo}", str(DEMO))}
        assert not list(Draft202012Validator(FilesSource.config_schema).iter_errors(config))
        assert FilesSource.validate(config) == {}
        counted[entry["name"]] = sum(load(client, config)[0].values())
        assert all(line.ok for line in FilesSource(config).check(client))
    assert counted == {
        "demo-orders": 2000, "demo-customers": 300, "demo-products": 60, "demo-sessions": 3000, "demo-exchange-rates": 270,
        "demo-readings": 197,
    }  # fmt: skip
