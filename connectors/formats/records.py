"""Where CSV records begin and end, by the rules of the fast reader. Slow (about 100 MB/s): only to name places and to sniff."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from connectors.formats.options import LARGEST_RECORD, Dialect, Opener

BLOCK = 1 << 20


class Extent(NamedTuple):
    """One record: its bytes are ``[start, end)`` with the line end, ``line`` is its first physical line, from 1."""

    start: int
    end: int
    line: int


@lru_cache(maxsize=32)
def record_pattern(dialect: Dialect) -> re.Pattern[bytes]:
    """One record with its line end. A quote counts only at the start of a field; unclosed, it runs to the end."""
    field = _field(dialect)
    return re.compile(rb"%b(?:%b%b)*+(?:\r\n|\r|\n|\Z)" % (field, re.escape(dialect.delimiter.encode()), field))


@lru_cache(maxsize=32)
def _field_pattern(dialect: Dialect) -> re.Pattern[bytes]:
    return re.compile(rb"(%b)(%b|\r\n|\r|\n|\Z)" % (_field(dialect), re.escape(dialect.delimiter.encode())))


def _field(dialect: Dialect) -> bytes:
    delimiter, quote = (re.escape(text.encode()) for text in (dialect.delimiter, dialect.quote))
    if dialect.backslash:
        inside, bare = rb"(?:[^\\%b]|\\[\s\S]|\\\Z)*+" % quote, rb"(?:[^%b\r\n\\]|\\[\s\S]|\\\Z)*+" % delimiter
    else:
        inside, bare = rb"(?:[^%b]++|%b%b)*+" % (quote, quote, quote), rb"[^%b\r\n]*+" % delimiter
    return rb"(?:%b%b(?:%b|\Z))?+%b" % (quote, inside, quote, bare)


def count_fields(record: bytes, dialect: Dialect) -> int:
    """Number of fields in one record (given with or without its line end)."""
    return len(split_fields(record, dialect))


def split_fields(record: bytes, dialect: Dialect) -> list[bytes]:
    """The raw fields of one record, quotes and all."""
    fields, at, pattern, delimiter = [], 0, _field_pattern(dialect), dialect.delimiter.encode()
    while match := pattern.match(record, at):
        fields.append(match[1])
        at = match.end()
        if match[2] != delimiter:
            break
    return fields


def lines_in(data: bytes) -> int:
    """Physical line ends in ``data``: LF, CRLF and lone CR count one each."""
    ends = data.count(b"\n")
    return ends + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else ends


def records(opener: Opener, start: int, line: int, dialect: Dialect) -> Iterator[Extent]:
    """The records from byte ``start``, which is on physical line ``line``; empty lines are no records."""
    pattern = record_pattern(dialect)
    with opener() as file:
        file.seek(start)
        buffer, base, at, done, step = b"", start, 0, False, BLOCK
        while True:
            match = pattern.match(buffer, at)
            if (match is None or match.end() >= len(buffer) - 1) and not done:
                if len(buffer) - at > 2 * LARGEST_RECORD:
                    yield Extent(base + at, base + len(buffer), line)  # too long to hold; the reader refuses it
                    return
                block = file.read(step)
                done = not block
                buffer, base, at = buffer[at:] + block, base + at, 0
                step = min(step * 2, LARGEST_RECORD)  # a long record is not matched again and again
                continue
            step = BLOCK
            if match is None or match.end() == at:
                return
            text = match.group()
            if text not in (b"\n", b"\r\n", b"\r"):
                yield Extent(base + at, base + match.end(), line)
            line += lines_in(text)
            at = match.end()


class Locator:
    """Extents by record number (from 0), best asked in ascending order; an earlier number starts again."""

    def __init__(self, opener: Opener, start: int, line: int, dialect: Dialect) -> None:
        self._arguments = (opener, start, line, dialect)
        self._restart()

    def _restart(self) -> None:
        self._next, self._last, self._records = 0, None, records(*self._arguments)

    _last: Extent | None

    def find(self, number: int) -> Extent | None:
        """The record's extent; None beyond the end (the file is not what it was)."""
        if number < self._next - 1:
            self._restart()
        while self._next <= number:
            self._last = next(self._records, None)
            self._next += 1
            if self._last is None:
                return None
        return self._last
