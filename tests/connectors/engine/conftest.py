"""A stream made of a list, run by the real engine against the real database."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from connectors.contract import KIND, Client, Cursor, Emitted, Part, Rejected, Stream
from connectors.engine.context import Progress, StreamContext
from connectors.engine.extract import run_stream
from connectors.models import ConnectorConfig, ConnectorRun, RunStream

TARGET = "ipai_bronze_core.things"


def batch(kind: bytes = b"lexical", **columns: list[Any]) -> pa.RecordBatch:
    """A batch of text columns of one kind."""
    fields = [pa.field(name, pa.string(), metadata={KIND: kind}) for name in columns]
    return pa.RecordBatch.from_arrays([pa.array(values, pa.string()) for values in columns.values()], schema=pa.schema(fields))


def all_of(rows: Any, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Columns of the target's rows, in order of the first two."""
    return rows(f"SELECT {columns} FROM {TARGET} WHERE {where} ORDER BY 1, 2")


def part(name: str, *batches: pa.RecordBatch | Rejected, version: int = 1) -> Part:
    """A part of these batches; row ``i`` is ``name:i+2``, as in a CSV file with a header."""
    return Part(name, iter(batches), {"version": version}, place=lambda row: f"{name}:{row + 2}")


class ListStream(Stream):
    """Yields what it is given; remembers what it was told to read after."""

    name = "things"
    target = TARGET

    def __init__(self, emitted: Iterable[Emitted] | Callable[[Cursor | None], Iterable[Emitted]], **attributes: Any) -> None:
        self._emitted = emitted
        self.asked: list[Cursor | None] = []
        for name, value in attributes.items():
            setattr(self, name, value)

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        self.asked.append(since)
        yield from self._emitted(since) if callable(self._emitted) else self._emitted


class Lab:
    """One connector; every ``run`` is a run of it with a lease."""

    def __init__(self, tmp_path: Any, name: str = "lab") -> None:
        self.tmp_path = tmp_path
        self.connector = ConnectorConfig.objects.create(name=name, connector_type="files")

    def context(self, stream: Stream, mode: str = "incremental") -> StreamContext:
        ConnectorRun.objects.filter(connector=self.connector, status="running").update(status="success")
        run = ConnectorRun.objects.create(connector=self.connector, mode=mode, status="running")
        token = uuid.uuid4()
        row = RunStream.objects.create(run=run, stream=stream.name, status="running", lease_token=token)
        scratch = self.tmp_path / uuid.uuid4().hex
        scratch.mkdir()
        log = logging.getLogger("test")
        client = Client(http=httpx.Client(), scratch=scratch, log=log, mode=mode)  # type: ignore[arg-type]
        return StreamContext(
            self.connector.pk, self.connector.tenant_id, run.pk, row.pk, token, client.mode, client, log, Progress(), stream=stream
        )

    def run(self, emitted: Any, mode: str = "incremental", **attributes: Any) -> StreamContext:
        """Run the stream to its end; the context with counts and schema changes."""
        stream = emitted if isinstance(emitted, Stream) else ListStream(emitted, **attributes)
        context = self.context(stream, mode)
        run_stream(context)
        context.client.http.close()
        assert list(context.client.scratch.iterdir()) == [], "the engine left scratch files behind"
        return context


@pytest.fixture
def lab(tmp_path: Any, db: None) -> Lab:
    """A connector to run streams of."""
    return Lab(tmp_path)


@pytest.fixture
def column_types(rows: Any) -> Callable[[], dict[str, str]]:
    """The data columns of the target and their types."""

    def read() -> dict[str, str]:
        found = rows(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname !~ '^_' ORDER BY attnum",
            [TARGET],
        )
        return dict(found)

    return read
