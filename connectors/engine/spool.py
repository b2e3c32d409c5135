"""Batches to be read again: a source is read once, however often its rows are loaded. Few stay in memory, many go to disk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

IN_MEMORY = 24 << 20
"""Bytes that are held before all goes to disk."""


class Spool:
    """Arrow IPC files under ``folder``, one per run of batches with the same schema; deleted on close."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._files: list[Path] = []
        self._schema: pa.Schema | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._sink: pa.OSFile | None = None
        self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self.rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._bytes <= IN_MEMORY:
            self._held.append(batch)
            return
        for held in self._held:
            self._write(held)
        self._held.clear()
        self._write(batch)

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None or not batch.schema.equals(self._schema, check_metadata=True):
            self._finish()
            path = self._folder / f"spool-{uuid.uuid4().hex}.arrow"
            self._files.append(path)
            self._schema = batch.schema
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pa.ipc.new_stream(self._sink, batch.schema)
        self._writer.write_batch(batch)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches so far, in order; may be asked more than once. What is added later starts a new file."""
        yield from tuple(self._held)
        self._finish()
        for path in self._files:
            with pa.OSFile(str(path), "rb") as source:
                yield from pa.ipc.open_stream(source)

    def close(self) -> None:
        """Delete the files."""
        self._finish()
        self._held.clear()
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files.clear()

    def _finish(self) -> None:
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.close()
        self._writer = self._sink = None
