"""Files -> Arrow record batches: CSV, JSON, JSON Lines, Parquet, in any usual encoding and compression."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from connectors.contract import Rejected, StopStream
from connectors.formats.csvfile import CsvReader
from connectors.formats.detect import HEAD, format_of
from connectors.formats.jsonarray import JsonReader
from connectors.formats.jsonlines import JsonLinesReader
from connectors.formats.options import MAX_BYTES, Description, Format, FormatOptions, FormatResult, Opener, Text, path_opener
from connectors.formats.parquetfile import ParquetReader
from connectors.formats.text import guess, prepare
from connectors.formats.unpack import compression_of, members, unpack

__all__ = ["MAX_BYTES", "Description", "FormatOptions", "FormatResult", "describe", "members", "path_opener", "read_file"]

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """What each format has."""

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]: ...

    def place(self, row: int) -> str: ...


READERS: dict[str, Callable[[Text, FormatOptions], Reader]] = {
    "csv": CsvReader,
    "jsonl": JsonLinesReader,
    "json": JsonReader,
    "parquet": ParquetReader,
}


def read_file(
    source: Path | Opener,
    options: FormatOptions,
    name: str,
    *,
    scratch: Path,
    log: logging.Logger = logger,
    member: str | None = None,
) -> FormatResult:
    """Read one file (or one ``member`` of a zip). Nothing is opened before the first batch is asked for.

    The batches raise ``StopStream`` with file and line when the file as a whole cannot be read.
    """
    reading = _Reading(path_opener(source) if isinstance(source, Path) else source, options, name, scratch, log, member)
    return FormatResult(reading.batches(), reading.place, reading.close)


def describe(source: Path | Opener, options: FormatOptions, name: str, *, scratch: Path) -> Description:
    """Format, encoding, delimiter and columns. Compressed files and JSON are read as far as needed."""
    opener = path_opener(source) if isinstance(source, Path) else source
    compression = compression_of(opener, options)
    inside = members(opener, options, name)
    reading = _Reading(opener, options, name, scratch, logger, inside[0] if inside else None)
    try:
        reading.open()
        columns = getattr(reading.reader, "columns", None)
        if columns is None:
            first = next((item for item in reading.reader.batches() if isinstance(item, pa.RecordBatch)), None)
            columns = first.schema.names if first is not None else []
        dialect = getattr(reading.reader, "dialect", None)
        return Description(
            reading.format, compression, reading.text.encoding, dialect.delimiter if dialect else None, tuple(columns)
        )
    finally:
        reading.close()


class _Reading:
    """Unpack, decode, parse: the steps of one file and the scratch files they leave until ``close``."""

    reader: Reader
    format: Format
    text: Text

    def __init__(
        self, opener: Opener, options: FormatOptions, name: str, scratch: Path, log: logging.Logger, member: str | None
    ) -> None:
        self._opener, self._options, self._scratch, self._member = opener, options, scratch, member
        self._made: list[Path] = []
        self._name, self._log = name, log

    def open(self) -> None:
        """Make ``reader``. An empty file has none of a format's marks and is read as CSV without columns."""
        opener = self._opener
        if made := unpack(opener, self._options, self._name, self._member, self._scratch):
            self._made.append(made)
            opener = path_opener(made)
        with opener() as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(HEAD)
        self.text = Text(opener, self._name, size, log=self._log)
        encoding, skip = guess(head)
        plain = head[skip:].decode(encoding, "replace").encode() if encoding != "utf-8" else head[skip:]
        self.format = format_of(self._member or self._name, plain, self._options) if size else "csv"
        if self.format != "parquet" and (copy := prepare(self.text, self._options.encoding, self._scratch)):
            self._made.append(copy)
        self.reader = READERS[self.format](self.text, self._options)

    def batches(self) -> Iterator[pa.RecordBatch | Rejected]:
        """Open at the first ``next``; an operating system error becomes one line."""
        try:
            self.open()
            yield from self.reader.batches()
        except OSError as error:
            raise StopStream(f"{self._name} cannot be read: {error.strerror or error}") from None

    def place(self, row: int) -> str:
        return self.reader.place(row)

    def close(self) -> None:
        reader = getattr(self, "reader", None)
        if isinstance(reader, ParquetReader):
            reader.close()
        for path in self._made:
            path.unlink(missing_ok=True)
        self._made.clear()
