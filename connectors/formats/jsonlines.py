"""JSON Lines -> Arrow batches."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
from msgspec import Raw

from connectors.contract import Rejected, StopStream
from connectors.formats.nul import NUL_REASON, nul_rows
from connectors.formats.objects import BadJson, Columns, anything, why
from connectors.formats.options import BATCH_BYTES, LARGEST_RECORD, FormatOptions, Text, cut


class Chunk(NamedTuple):
    """Whole lines: ``first`` is the physical line of the first one, ``lines`` how many there are."""

    data: bytes
    first: int
    lines: int


class Places:
    """Row -> physical line: one entry per stretch of rows on consecutive lines."""

    def __init__(self) -> None:
        self._rows, self._lines, self.count = array("q"), array("q"), 0

    def add(self, line: int, rows: int = 1) -> None:
        """The next ``rows`` rows stand on ``line`` and those that follow it."""
        if not self._rows or self._lines[-1] + self.count - self._rows[-1] != line:
            self._rows.append(self.count)
            self._lines.append(line)
        self.count += rows

    def line(self, row: int) -> int:
        at = bisect.bisect_right(self._rows, row) - 1
        return self._lines[at] + row - self._rows[at]


class JsonLinesReader:
    """One file; iterate ``batches()`` once."""

    def __init__(self, text: Text, options: FormatOptions) -> None:
        self.text = text
        self._columns = Columns()
        self._places = Places()

    def place(self, row: int) -> str:
        """file:line of row ``row`` of the batches."""
        return f"{self.text.name}:{self._places.line(row)}"

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]:
        """Batches of string columns with their kinds, and rejected lines between them."""
        for chunk in self._chunks():
            batch = self._columns.from_lines(chunk.data)
            if batch is not None and chunk.lines == batch.num_rows and not nul_rows(batch):
                self._places.add(chunk.first, batch.num_rows)
                if batch.num_rows:
                    yield batch
            else:
                yield from self._by_line(chunk)

    def _by_line(self, chunk: Chunk) -> Iterator[pa.RecordBatch | Rejected]:
        """Decode line by line, so that a bad one is named."""
        rows: list[dict[str, Raw]] = []
        lines: list[int] = []
        texts: list[bytes] = []
        for line, data in enumerate(chunk.data.split(b"\n"), chunk.first):
            if not data.strip():
                continue
            try:
                row = anything.decode(data)
            except BadJson as error:
                yield self._rejected(line, _reason(data, error), data)
                continue
            if not row:
                yield self._rejected(line, "an object without any field", data)
                continue
            rows.append(row)
            lines.append(line)
            texts.append(data)
        if not rows:
            return
        self._columns.learn(rows)
        batch = self._columns.of_dicts(rows)
        bad = set(nul_rows(batch))
        for row_number in sorted(bad):
            yield self._rejected(lines[row_number], NUL_REASON, texts[row_number])
        for row_number, line in enumerate(lines):
            if row_number not in bad:
                self._places.add(line)
        if bad:
            batch = batch.filter(pa.array([row_number not in bad for row_number in range(len(rows))]))
        if batch.num_rows:
            yield batch

    def _rejected(self, line: int, reason: str, data: bytes) -> Rejected:
        return Rejected(f"{self.text.name}:{line}", reason, cut(data.decode("utf-8", "replace").rstrip("\r")).replace("\0", "\\0"))

    def _chunks(self) -> Iterator[Chunk]:
        """Whole lines, about BATCH_BYTES each; a file with CR alone as line end is read as if it had LF."""
        line, rest, lone_cr = 1, b"", False
        size = BATCH_BYTES // 16  # the first chunk is small: it teaches the columns
        with self.text.open() as file:
            file.seek(self.text.start)
            while block := file.read(size):
                if line == 1 and not rest:
                    lone_cr = b"\n" not in block and b"\r" in block
                data = rest + (block.replace(b"\r", b"\n") if lone_cr else block)
                end = data.rfind(b"\n") + 1
                if not end and len(data) > LARGEST_RECORD:
                    raise StopStream(f"{self.text.name}:{line}: a line is longer than {LARGEST_RECORD >> 20} MB")
                rest = data[end:]
                size = BATCH_BYTES if end else min(len(data), LARGEST_RECORD)
                if end:
                    lines = data.count(b"\n", 0, end)
                    yield Chunk(data[:end], line, lines)
                    line += lines
        if rest:
            yield Chunk(rest + b"\n", line, 1)


def _reason(data: bytes, error: Exception) -> str:
    start = data.lstrip()[:1]
    return "not a JSON object" if start in (b"[", b'"') or start.isalnum() else why(error, data)
