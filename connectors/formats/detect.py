"""What a file is, from its first bytes and its name: format, CSV dialect."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

import msgspec

from connectors.contract import StopStream
from connectors.formats.options import Dialect, Format, FormatOptions
from connectors.formats.records import count_fields, record_pattern

HEAD = 256 << 10
"""Bytes that are looked at."""
DELIMITERS = (",", ";", "\t", "|", ":", "^")
EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
PACKED = (".gz", ".gzip", ".zst", ".zstd", ".zip")


def format_of(name: str, head: bytes, options: FormatOptions) -> Format:
    """By the option, else by the content where it is plain (Parquet, JSON), else by the extension, else CSV."""
    if options.format:
        return options.format
    if head.startswith(b"PAR1"):
        return "parquet"
    suffixes = [suffix.lower() for suffix in PurePosixPath(name.split("?")[0]).suffixes]
    while suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    told = EXTENSIONS.get(suffixes[-1]) if suffixes else None
    if told == "json" and _is_lines(head):
        return "jsonl"
    if told:
        return told
    begin = head.lstrip()[:1]
    if begin == b"{":
        return "jsonl" if _is_lines(head) or head.strip().count(b"\n") == 0 else "json"
    if begin == b"[" and re.match(rb"\[\s*[\[{\]]", head.lstrip()):
        return "json"
    return "csv"


def _is_lines(head: bytes) -> bool:
    """Two lines or more, the first one a whole object and the second the start of one."""
    lines = [line for line in head.split(b"\n", 50) if line.strip()]
    if len(lines) < 2 or not lines[0].lstrip().startswith(b"{") or not lines[1].lstrip().startswith(b"{"):
        return False
    try:
        msgspec.json.decode(lines[0], type=dict[str, msgspec.Raw])
    except RecursionError:
        return True  # nested too deep: the reader names the line
    except (msgspec.DecodeError, msgspec.ValidationError):
        return False
    return True


def dialect_of(head: bytes, options: FormatOptions, name: str) -> Dialect:
    """The options where given, the rest sniffed from the first records."""
    for label, value in (("delimiter", options.delimiter), ("quote", options.quote)):
        if value is not None and (len(value) != 1 or ord(value) > 127 or value in "\r\n\0"):
            raise StopStream(f"{name}: the option {label} must be one plain character, not {value!r}")
    cut = head[: head.rfind(b"\n") + 1] if len(head) >= HEAD and b"\n" in head else head
    quote = options.quote or _quote(cut, options.delimiter)
    backslash = options.escape == "backslash" if options.escape else _backslash(cut, quote)
    if options.delimiter:
        return Dialect(options.delimiter, quote, backslash)
    return Dialect(_delimiter(cut, quote, backslash), quote, backslash)


def _quote(head: bytes, delimiter: str | None) -> str:
    """A single quote only if the header and every record sampled has a field wrapped in them and no double quote appears."""
    if b'"' in head or b"'" not in head:
        return '"'
    edge = re.escape((delimiter or "".join(DELIMITERS)).encode())
    wrapped = re.compile(rb"(?:^|[%b])'[^']*'(?:[%b\r]|$)" % (edge, edge))
    lines = [line for line in re.split(rb"[\r\n]+", head) if line][:100]
    return "'" if len(lines) > 1 and all(wrapped.search(line) for line in lines) else '"'


def _backslash(head: bytes, quote: str) -> bool:
    """True when quotes appear as backslash + quote in the middle of a value and never doubled."""
    mark = re.escape(quote.encode())
    escaped = re.search(rb"[^\\]\\%b[^%b,;\t|:^\r\n]" % (mark, mark), head)
    doubled = re.search(rb"[^,;\t|:^\r\n%b]%b%b" % (mark, mark, mark), head)
    return bool(escaped) and not doubled


def _delimiter(head: bytes, quote: str, backslash: bool) -> str:
    """The candidate that cuts the records into the same number of fields most often; the comma when none does."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = _counts(head, Dialect(delimiter, quote, backslash))
        if not counts or counts[0] < 2:
            continue
        share = Counter(counts)[counts[0]] / len(counts)
        score = (round(share, 1) if share >= 0.5 else 0.0, counts[0])
        if delimiter in ":^" and share < 1:
            continue
        if score[0] > best_score[0] or (score[0] == best_score[0] and score[1] > best_score[1]):
            best, best_score = delimiter, score
    return best


def _counts(head: bytes, dialect: Dialect) -> list[int]:
    counts: list[int] = []
    at, pattern = 0, record_pattern(dialect)
    while len(counts) < 100 and (match := pattern.match(head, at)) and match.end() > at:
        if match.group().strip(b"\r\n"):
            counts.append(count_fields(match.group(), dialect))
        at = match.end()
    return counts
