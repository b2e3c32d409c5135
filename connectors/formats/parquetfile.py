"""Parquet -> Arrow batches with the file's own types."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.contract import KIND, Rejected, StopStream
from connectors.formats.nul import NUL_REASON, nul_rows
from connectors.formats.options import BATCH_BYTES, FormatOptions, Text
from connectors.formats.skips import Skips

MOST_ROWS = 65_536


class ParquetReader:
    """One file; iterate ``batches()`` once. Places are row numbers: a Parquet file has no lines."""

    def __init__(self, text: Text, options: FormatOptions) -> None:
        self.text = text
        self._nul = Skips()
        self._source = text.open()
        try:
            self._file = pq.ParquetFile(pa.PythonFile(self._source, mode="r"), pre_buffer=False, buffer_size=1 << 20)
        except (pa.ArrowException, OSError) as error:
            self._source.close()
            raise StopStream(f"{text.name} is not a whole Parquet file ({_first_line(error)}): fetch or make it again") from None

    @property
    def columns(self) -> list[str]:
        """Column names in file order."""
        return list(self._file.schema_arrow.names)

    def close(self) -> None:
        """Let the file go."""
        self._source.close()

    def place(self, row: int) -> str:
        """file: row N, from 1."""
        return f"{self.text.name}: row {self._nul.original(row) + 1}"

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]:
        """Batches of about BATCH_BYTES; text columns are of kind string, JSON ones of kind json."""
        first, delivered = 0, False
        try:
            for batch in self._file.iter_batches(batch_size=self._batch_rows(), use_threads=False):
                if batch.num_rows:
                    delivered = True
                    batch.validate(full=True)  # text that is not UTF-8, dates beyond the calendar
                    yield from self._checked(_with_kinds(batch), first)
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise StopStream(
                f"{self.text.name}: row {first + 1}: damaged Parquet ({_first_line(error)}): fetch or make it again"
            ) from None
        if not delivered:
            yield _with_kinds(pa.RecordBatch.from_pylist([], schema=self._file.schema_arrow))

    def _checked(self, batch: pa.RecordBatch, first: int) -> Iterator[pa.RecordBatch | Rejected]:
        bad = nul_rows(batch)
        for row in bad:
            self._nul.add(first + row)
            raw = str(batch.slice(row, 1).to_pylist()[0]).replace("\0", "\\0")
            yield Rejected(f"{self.text.name}: row {first + row + 1}", NUL_REASON, raw)
        kept = batch.filter(pa.array([row not in set(bad) for row in range(batch.num_rows)])) if bad else batch
        if kept.num_rows:
            yield kept

    def _batch_rows(self) -> int:
        meta = self._file.metadata
        size = sum(meta.row_group(number).total_byte_size for number in range(meta.num_row_groups))
        return max(1, min(MOST_ROWS, int(2 * BATCH_BYTES * max(meta.num_rows, 1) // max(size, 1))))


def _with_kinds(batch: pa.RecordBatch) -> pa.RecordBatch:
    fields, columns = [], []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        kind = "string"
        if isinstance(field.type, pa.BaseExtensionType):
            kind = "json" if field.type.extension_name == "arrow.json" else "string"
            column = column.storage
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        fields.append(pa.field(field.name, column.type, metadata={KIND: kind} if text else None))
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
