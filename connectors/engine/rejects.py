"""Records that are not loaded: collected on scratch disk, stored by COPY in the transaction of the rows beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa

from connectors.contract import Rejected

LONGEST_RAW = 10_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\\\\0"})
_BLOCK = 1 << 18


class Rejects:
    """What one transaction rejects. ``count`` is how many."""

    def __init__(self, path: Path, run_id: UUID, stream: str) -> None:
        self._path, self._head = path, f"{run_id}\t{_escape(stream)}"
        self._file = path.open("w", encoding="utf-8", errors="replace", newline="")
        self.count = 0

    def add(self, rejected: Rejected) -> None:
        """Keep one record with its place and reason."""
        raw = "\\N" if rejected.raw is None else _escape(rejected.raw[:LONGEST_RAW])
        self._file.write(f"{self._head}\t{_escape(rejected.place)}\t{_escape(rejected.reason)}\t{raw}\n")
        self.count += 1

    def store(self, cursor: psycopg.Cursor[Any]) -> None:
        """Write them to ``ipai_rejected_record``."""
        if not self.count:
            return
        self._file.flush()
        with (
            self._path.open("rb") as source,
            cursor.copy("COPY ipai_rejected_record (run_id, stream, place, reason, raw) FROM STDIN") as copy,
        ):
            while block := source.read(_BLOCK):
                copy.write(block)

    def close(self) -> None:
        """Delete the scratch file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def raw_text(batch: pa.RecordBatch, row: int, names: Iterable[str]) -> str:
    """The record as JSON for people, by the names it came with."""
    values = {name: batch.column(position)[row].as_py() for position, name in enumerate(names)}
    return json.dumps(values, ensure_ascii=False, default=str)
