"""CSV -> Arrow batches of text, by Arrow's reader; what that reader does not tell (lines, unclosed quotes) is found beside it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv

from connectors.contract import Rejected, StopStream
from connectors.formats.detect import HEAD, dialect_of
from connectors.formats.nul import NUL_REASON, nul_rows
from connectors.formats.options import BATCH_BYTES, LARGEST_RECORD, FormatOptions, Text, cut
from connectors.formats.records import Extent, Locator, count_fields, records, split_fields
from connectors.formats.skips import Skips


class CsvReader:
    """One file; iterate ``batches()`` once. Record numbers count from 0 after the header, empty lines left out."""

    def __init__(self, text: Text, options: FormatOptions) -> None:
        self.text, self.options = text, options
        self.columns: list[str] = []
        self._ragged, self._nul = Skips(), Skips()
        self._pending: list[Rejected] = []
        self._rows = 0
        with text.open() as file:
            file.seek(text.start)
            head = file.read(HEAD)
        self.dialect = dialect_of(head, options, text.name)
        self._start = Extent(text.start, text.start, 1)
        self._read_header()
        self._locator = Locator(text.open, self._start.end, self._start.line, self.dialect)
        self._places = Locator(text.open, self._start.end, self._start.line, self.dialect)
        self._end_mark = uuid.uuid4().hex

    def place(self, row: int) -> str:
        """file:line of row ``row`` of the batches."""
        extent = self._places.find(self._ragged.original(self._nul.original(row)))
        return f"{self.text.name}:{extent.line}" if extent else f"{self.text.name}: row {row + 1}"

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]:
        """Batches of string columns, with rejected records between them."""
        if not self.columns:
            return
        block, delivered = BATCH_BYTES, False
        while True:
            try:
                for batch in self._parse(block):
                    delivered = True
                    yield batch
                break
            except pa.ArrowInvalid as error:
                if "straddl" not in str(error):
                    raise StopStream(f"{self.text.name}: cannot be read as CSV: {error}") from None
                if block >= LARGEST_RECORD:
                    line = self._longest_line()
                    raise StopStream(
                        f"{self.text.name}:{line}: a record is longer than {LARGEST_RECORD >> 20} MB: is a quote never closed?"
                    ) from None
                block = LARGEST_RECORD
        if not delivered:
            yield self._batch([pa.array([], pa.string()) for _ in self.columns])

    def _read_header(self) -> None:
        found = list(zip(range(101), records(self.text.open, self.text.start, 1, self.dialect), strict=False))
        if not found:
            return
        with self.text.open() as file:
            file.seek(self.text.start)
            data = file.read(found[-1][1].end - self.text.start)
        raw = [data[extent.start - self.text.start : extent.end - self.text.start].rstrip(b"\r\n") for _, extent in found]
        if not self.options.header:
            self.columns = [f"column_{number}" for number in range(1, count_fields(raw[0], self.dialect) + 1)]
            self._start = Extent(self.text.start, self.text.start, 1)
            return
        self.columns = self._values(raw[0])
        extra = len(self.columns) + 1
        rows = [split_fields(record, self.dialect) for record in raw[1:]]
        if rows and all(len(row) == extra and row[-1] == b"" for row in rows):
            self.columns.append("")  # every row ends with a delimiter, the header does not
        self._start = found[0][1]
        lines = found[1][1].line if len(found) > 1 else self._start.line
        if len(found) > 1:
            self._start = Extent(self._start.start, found[1][1].start, lines)

    def _values(self, record: bytes) -> list[str]:
        """The unquoted fields of one record; a quoted name may hold anything."""
        count = count_fields(record, self.dialect)
        names = [str(number) for number in range(count)]
        table = csv.read_csv(
            pa.BufferReader(record + b"\n"),
            read_options=csv.ReadOptions(column_names=names, block_size=len(record) + 2, use_threads=False),
            parse_options=self._parse_options(None),
            convert_options=csv.ConvertOptions(column_types={name: pa.string() for name in names}),
        )
        if table.num_rows != 1:
            raise StopStream(f"{self.text.name}:1: the header cannot be read: give the options delimiter and quote")
        return [str(value) for value in table.to_pylist()[0].values()]

    def _parse_options(self, handler: object) -> csv.ParseOptions:
        return csv.ParseOptions(
            delimiter=self.dialect.delimiter,
            quote_char=self.dialect.quote,
            double_quote=not self.dialect.backslash,
            escape_char="\\" if self.dialect.backslash else False,
            newlines_in_values=True,
            ignore_empty_lines=True,
            invalid_row_handler=handler,
        )

    def _next_record(self) -> int:
        """The number of the first record that is not delivered."""
        return self._ragged.original(self._rows)

    def _line(self, number: int) -> int:
        extent = self._locator.find(number)
        return extent.line if extent else 0

    def _longest_line(self) -> int:
        """The line of the first record not delivered that is too long."""
        number = self._next_record()
        while (extent := self._locator.find(number)) is not None:
            if extent.end - extent.start > LARGEST_RECORD // 2:
                return extent.line
            number += 1
        return 0

    def _parse(self, block: int) -> Iterator[pa.RecordBatch | Rejected]:
        """Batches from the first record not delivered to the end of the file."""
        first = self._next_record()
        offset = self._start.end
        if first:
            extent = Locator(self.text.open, self._start.end, self._start.line, self.dialect).find(first)
            offset = extent.start if extent else self.text.size
        names = [str(number) for number in range(len(self.columns))]

        def ragged(row: csv.InvalidRow) -> str:
            self._reject(first + row.number - 1, row.expected_columns, row.actual_columns, row.text)
            return "skip"

        reader = csv.open_csv(
            _Feed(self.text, offset, self._mark()),
            read_options=csv.ReadOptions(column_names=names, block_size=block, use_threads=False),
            parse_options=self._parse_options(ragged),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=list(self.options.null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,  # the whole file was checked
            ),
        )
        held: pa.RecordBatch | None = None
        for batch in reader:
            if batch.num_rows == 0:
                continue
            if held is not None:
                yield from self._deliver(held)
            held = batch
        if held is not None:
            yield from self._deliver(self._without_mark(held))
        yield from self._flush()

    def _mark(self) -> bytes:
        """A last record of our own: if it does not come back whole, a quote was open at the end of the file."""
        return ("\n" + self.dialect.delimiter.join([self._end_mark] * len(self.columns)) + "\n").encode()

    def _without_mark(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        last = [str(column[-1].as_py()) for column in batch.columns]
        if all(value == self._end_mark for value in last):
            return batch.slice(0, batch.num_rows - 1)
        if any(self._end_mark in value for value in last):
            number = self._ragged.original(self._rows + batch.num_rows - 1)
            raw = self.dialect.delimiter.join(last).split(f"\n{self._end_mark}", 1)[0]
            self._pending.append(Rejected(self._place_of(number), UNCLOSED, cut(raw)))
            self._ragged.add(number)
            return batch.slice(0, batch.num_rows - 1)
        return batch

    def _reject(self, number: int, expected: int, actual: int, raw: str) -> None:
        if number <= self._ragged.last():
            return  # seen before a block was read again
        self._ragged.add(number)
        reason = f"{actual} fields where the header has {expected}"
        if self._end_mark in raw:
            raw, reason = raw.split(f"\n{self._end_mark}", 1)[0], UNCLOSED
        self._pending.append(Rejected(self._place_of(number), reason, cut(raw)))

    def _place_of(self, number: int) -> str:
        return f"{self.text.name}:{self._line(number)}"

    def _flush(self) -> Iterator[Rejected]:
        pending, self._pending = self._pending, []
        yield from pending

    def _deliver(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch | Rejected]:
        yield from self._flush()
        first, self._rows = self._rows, self._rows + batch.num_rows
        if self.text.has_nul and (bad := nul_rows(batch)):
            keep = [True] * batch.num_rows
            for row in bad:
                keep[row] = False
                self._nul.add(first + row)
                raw = self.dialect.delimiter.join("" if value is None else value for value in _row(batch, row))
                yield Rejected(self._place_of(self._ragged.original(first + row)), NUL_REASON, cut(raw.replace("\0", "\\0")))
            batch = batch.filter(pa.array(keep))
        if batch.num_rows:
            yield self._batch(batch.columns)

    def _batch(self, columns: list[pa.Array]) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema([pa.field(name, pa.string()) for name in self.columns]))


UNCLOSED = "a quote is opened in this record and never closed"


def _row(batch: pa.RecordBatch, row: int) -> list[str | None]:
    return [column[row].as_py() for column in batch.columns]


class _Feed(io.RawIOBase):
    """The file from ``offset`` on, then the end mark."""

    def __init__(self, text: Text, offset: int, mark: bytes) -> None:
        super().__init__()
        self._file = text.open()
        self._file.seek(offset)
        self._first = b"\n"  # an empty line is passed over; without it Arrow would drop a BOM that is data
        self._mark = mark

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._first:
            data, self._first = self._first, b""
            return data
        data = self._file.read(size)
        if not data:
            data, self._mark = self._mark, b""
        return data

    def close(self) -> None:
        self._file.close()
        super().close()
