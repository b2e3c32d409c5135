"""What a reader of files may be told, and what it gives back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from connectors.contract import Rejected

Format = Literal["csv", "jsonl", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd", "zip"]
Opener = Callable[[], BinaryIO]
"""Gives a new, independent, seekable reader of the same bytes each time."""

BATCH_BYTES = 2 << 20
"""Text per record batch, about."""
LARGEST_RECORD = 64 << 20
"""One record may not be longer; it is held in memory."""
LARGEST_JSON_OBJECT = 64 << 20
"""A JSON file that is one object is held in memory whole, so it may not be longer."""
MAX_BYTES = 20 * 10**9
"""Bytes that one file may have, fetched or unpacked, unless the options say otherwise."""
LONGEST_RAW = 10_000
"""Characters of a rejected record that are kept."""


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How to read; None means: find out. ``escape`` is ``double`` or ``backslash``."""

    format: Format | None = None
    compression: Compression | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: Literal["double", "backslash"] | None = None
    header: bool = True
    null_values: tuple[str, ...] = ("",)
    max_bytes: int = MAX_BYTES
    """A compressed file may not unpack to more bytes."""
    max_ratio: int = 100
    """Nor to more than this many times its size, once 64 MB are unpacked."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written: single characters, and whether a backslash escapes."""

    delimiter: str = ","
    quote: str = '"'
    backslash: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What a look at the beginning of a file tells, for people."""

    format: Format
    compression: Compression
    encoding: str
    delimiter: str | None
    columns: tuple[str, ...]


@dataclass(slots=True)
class FormatResult:
    """Batches in file order with rejected records between them; ``place(i)`` names row ``i`` of the batches.

    ``place`` works during and after iteration, until ``close()``, which removes what was unpacked to scratch.
    """

    batches: Iterator[pa.RecordBatch | Rejected]
    place: Callable[[int], str]
    close: Callable[[], None]


@dataclass(slots=True)
class Text:
    """A plain UTF-8 file, ready to parse: ``start`` is the first byte after a byte order mark."""

    open: Opener
    name: str
    size: int
    start: int = 0
    encoding: str = "utf-8"
    has_nul: bool = False
    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))


def path_opener(path: Path) -> Opener:
    """Readers of the file at ``path``."""
    return lambda: path.open("rb", buffering=0)


def cut(raw: str) -> str:
    """``raw``, shortened for keeping."""
    return raw if len(raw) <= LONGEST_RAW else raw[:LONGEST_RAW] + "…"
