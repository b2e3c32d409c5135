"""JSON documents -> Arrow batches: an array of objects (streamed), one object with an array of objects in it, or one object."""

from __future__ import annotations

import bisect
import re
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pyarrow as pa
from msgspec import Raw

from connectors.contract import Rejected, StopStream
from connectors.formats.nul import NUL_REASON, nul_rows
from connectors.formats.objects import BadJson, Columns, anything, deepest, why
from connectors.formats.options import BATCH_BYTES, LARGEST_JSON_OBJECT, LARGEST_RECORD, FormatOptions, Text, cut
from connectors.formats.skips import Skips

_BOUNDARY = re.compile(rb"[}\]]\s*(,)\s*[{\[]")
_POSITION = re.compile(r"byte (\d+)")
_elements = msgspec.json.Decoder(list[Raw])


class Chunk(NamedTuple):
    """Some elements of the array: the number of the first one, where the bytes are, the physical line of their beginning."""

    first: int
    offset: int
    length: int
    line: int


class JsonReader:
    """One document; iterate ``batches()`` once."""

    def __init__(self, text: Text, options: FormatOptions) -> None:
        self.text = text
        self._columns = Columns()
        self._skips = Skips()
        self._seen = 0  # elements
        self._chunks: list[Chunk] = []
        self._lines_of, self._lines = -1, array("q")

    def place(self, row: int) -> str:
        """file:line of the element that row ``row`` of the batches came from."""
        return self._place_of(self._skips.original(row))

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]:
        """Batches of string columns with their kinds, and rejected elements between them."""
        with self.text.open() as file:
            file.seek(self.text.start)
            head = file.read(4096)
        begin = len(head) - len(head.lstrip())
        if head.lstrip()[:1] == b"[":
            yield from self._array(self.text.start + begin)
        elif head.strip():
            yield from self._object()

    def _object(self) -> Iterator[pa.RecordBatch | Rejected]:
        """The whole document in memory; its one array of objects if there is exactly one, else the object itself."""
        if self.text.size > LARGEST_JSON_OBJECT:
            raise StopStream(
                f"{self.text.name} is a JSON object of more than {LARGEST_JSON_OBJECT >> 20} MB:"
                " make it an array of objects or JSON Lines"
            )
        with self.text.open() as file:
            file.seek(self.text.start)
            data = b"".join(iter(lambda: file.read(1 << 20), b""))
        try:
            row = anything.decode(data)
        except BadJson as error:
            raise self._broken(data, error, 1) from None
        lists = [value for value in row.values() if re.match(rb"\[\s*\{", bytes(memoryview(value)[:4096]))]
        if len(lists) == 1:
            inner = bytes(lists[0])
            offset = data.find(inner)
            yield from self._chunk(inner, self.text.start + offset, 1 + data.count(b"\n", 0, offset))
        else:
            whole = data.strip()
            offset = data.find(whole)
            yield from self._chunk(b"[" + whole + b"]", self.text.start + offset - 1, 1 + data.count(b"\n", 0, offset))

    def _array(self, start: int) -> Iterator[pa.RecordBatch | Rejected]:
        """The elements, about BATCH_BYTES at a time: cut at the last boundary where what is before it is a valid array."""
        data, line, offset = b"", 1, self.text.start
        with self.text.open() as file:
            file.seek(offset)
            skipped = file.read(start - offset + 1)
            line, offset = 1 + skipped.count(b"\n"), start  # the "[" is put back as the first byte of each chunk
            while block := file.read(BATCH_BYTES):
                data += block
                end = self._last_boundary(data)
                if end is None:
                    if len(data) > LARGEST_RECORD + BATCH_BYTES:
                        raise self._too_long_or_broken(data, line)
                    continue
                yield from self._chunk(b"[" + data[:end] + b"]", offset, line)
                line += data.count(b"\n", 0, end + 1)
                offset += end + 1
                data = data[end + 1 :]
        yield from self._chunk(b"[" + data.rstrip(), offset, line)

    def _last_boundary(self, data: bytes) -> int | None:
        """The offset of the last comma between two elements of the array itself."""
        commas = [match.start(1) for match in _BOUNDARY.finditer(data)]
        for tried, comma in enumerate(reversed(commas)):
            try:
                _elements.decode(b"[" + data[:comma] + b"]")
            except RecursionError:
                return comma  # the element is named when the chunk is decoded
            except BadJson:
                if tried >= 200:
                    return None
                continue
            return comma
        return None

    def _chunk(self, chunk: bytes, offset: int, line: int) -> Iterator[pa.RecordBatch | Rejected]:
        """``chunk`` is a JSON array whose bytes after the first stand in the file at ``offset`` + 1."""
        first = self._seen
        self._chunks.append(Chunk(first, offset, len(chunk), line))
        batch = self._columns.from_list(chunk)
        if batch is not None and not nul_rows(batch):
            self._seen += batch.num_rows
            if batch.num_rows:
                yield batch
            return
        try:
            elements = _elements.decode(chunk)
        except BadJson as error:
            raise self._broken(chunk, error, line) from None
        self._seen += len(elements)
        yield from self._by_element(elements, first)

    def _by_element(self, elements: list[Raw], first: int) -> Iterator[pa.RecordBatch | Rejected]:
        rows: list[dict[str, Raw]] = []
        numbers: list[int] = []
        bad: dict[int, str] = {}
        for number, element in enumerate(elements):
            try:
                row = anything.decode(element)
            except RecursionError as error:
                bad[number] = why(error, b"")
                continue
            except BadJson:
                bad[number] = "not a JSON object"
                continue
            if row:
                rows.append(row)
                numbers.append(number)
            else:
                bad[number] = "an object without any field"
        batch = None
        if rows:
            self._columns.learn(rows)
            batch = self._columns.of_dicts(rows)
            forbidden = set(nul_rows(batch))
            bad |= {numbers[row]: NUL_REASON for row in forbidden}
            batch = batch.filter(pa.array([row not in forbidden for row in range(len(rows))])) if forbidden else batch
        for number in sorted(bad):
            self._skips.add(first + number)
            yield Rejected(self._place_of(first + number), bad[number], cut(bytes(elements[number]).decode("utf-8", "replace")))
        if batch is not None and batch.num_rows:
            yield batch

    def _place_of(self, number: int) -> str:
        at = bisect.bisect_right(self._chunks, number, key=lambda chunk: chunk.first) - 1
        if at != self._lines_of:
            self._lines_of, self._lines = at, self._element_lines(self._chunks[at])
        within = number - self._chunks[at].first
        return f"{self.text.name}:{self._lines[within]}" if within < len(self._lines) else f"{self.text.name}: element {number + 1}"

    def _element_lines(self, chunk: Chunk) -> array[int]:
        """The lines on which the elements of a chunk start: it is read and decoded again, and the elements are added up."""
        lines = array("q")
        with self.text.open() as file:
            file.seek(chunk.offset + 1)
            data = b"["
            while len(data) < chunk.length and (block := file.read(chunk.length - len(data))):
                data += block
        data = data[:-1] + b"]"  # the byte after the last element is a comma, the array's end, or not of the array
        line, at = chunk.line, 1
        try:
            for element in _elements.decode(data):
                text = bytes(element)
                start = data.index(text, at)
                line += data.count(b"\n", at, start)
                lines.append(line)
                line += text.count(b"\n")
                at = start + len(text)
        except (*BadJson, ValueError):
            pass  # the file is not what it was: elements are named by number
        return lines

    def _broken(self, data: bytes, error: Exception, line: int) -> StopStream:
        told = _POSITION.search(str(error))
        deep = isinstance(error, RecursionError)
        at = deepest(data) if deep else int(told[1]) if told else len(data)
        line += data.count(b"\n", 0, at)
        return StopStream(f"{self.text.name}:{line}: {why(error, data[max(0, at - 20) : at + 20])}")

    def _too_long_or_broken(self, data: bytes, line: int) -> StopStream:
        try:
            _elements.decode(b"[" + data)
        except BadJson as error:
            told = _POSITION.search(str(error))
            if isinstance(error, RecursionError) or (told and int(told[1]) < len(data) - 1):
                return self._broken(b"[" + data, error, line)
        return StopStream(f"{self.text.name}:{line}: an element is longer than {LARGEST_RECORD >> 20} MB, or not valid JSON")
