"""JSON in text columns: is it safe as jsonb, which keeps the last of two equal keys and refuses \\u0000?

A batch's values are checked together, as JSON lines: one decode instead of one per value. Rows that all have the
fields of the first row, and no more, are decoded by a struct made of it, which builds few objects; others as dictionaries.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_UNUSUAL = re.compile(rb'\\u00(?:00|22|3[aA])|"\s+:')
_TOO_LONG = r"[0-9][eE][+-]?[0-9]{4}"
_ANY = msgspec.json.Decoder()
_BAD = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, ValueError)
MOST_FIELDS = 200

Shape = tuple[tuple[str, "Shape | None"], ...]
"""The keys of an object, each with the shape of its value when that is an object itself."""


def all_containers(values: pa.Array) -> bool:
    """Whether every text is a JSON object or array that jsonb keeps whole."""
    return bool(pc.all(pc.match_substring_regex(values, r"^\s*[\[{]"), min_count=0).as_py()) and all_valid(values)


def all_valid(values: pa.Array) -> bool:
    """Whether every text is JSON that jsonb keeps whole."""
    kept = values.drop_null()
    rows = len(kept)
    if not rows:
        return True
    lines = _lines(kept)
    if lines is None:
        return all(_valid(text.encode()) for text in kept.to_pylist())
    if pc.any(pc.match_substring_regex(kept, _TOO_LONG)).as_py():
        return False
    return _uniform(lines, rows) or _each(lines, rows)


def _lines(kept: pa.Array) -> bytes | None:
    """One value per line; None when a value has a line end in it."""
    together = pa.ListArray.from_arrays(pa.array([0, len(kept)], pa.int32()), kept)
    joined: bytes = pc.binary_join(together, "\n").buffers()[2].to_pybytes()
    return joined if joined.count(b"\n") == len(kept) - 1 else None


def _uniform(lines: bytes, rows: int) -> bool:
    """Whether all rows are valid and have the first one's fields once each: then there are no more colons than fields."""
    try:
        first = _ANY.decode(lines.split(b"\n", 1)[0])
        if not isinstance(first, dict) or b"\\u" in lines:
            return False
        shape = _shape(first)
        fields = rows * _count(shape)
        if not 0 < fields <= rows * MOST_FIELDS:
            return False
        colons = lines.count(b":")
        if colons != fields and (b"\\" in lines or lines.count(b'":') != fields or _UNUSUAL.search(lines)):
            return False
        return len(_decoder(shape).decode_lines(lines)) == rows
    except _BAD:
        return False


def _shape(value: dict[str, Any]) -> Shape:
    return tuple((name, _shape(inner) if isinstance(inner, dict) else None) for name, inner in value.items())


def _count(shape: Shape) -> int:
    return sum(1 + _count(inner or ()) for _, inner in shape)


@lru_cache(maxsize=64)
def _decoder(shape: Shape) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_struct(shape))


def _struct(shape: Shape) -> type[msgspec.Struct]:
    """A type that takes exactly these fields; ValueError for names that it cannot have."""
    fields = [(f"f{number}", msgspec.Raw if inner is None else _struct(inner)) for number, (_, inner) in enumerate(shape)]
    rename = {f"f{number}": name for number, (name, _) in enumerate(shape)}
    return msgspec.defstruct("Fields", fields, rename=rename, gc=False, forbid_unknown_fields=True)


def _each(lines: bytes, rows: int) -> bool:
    try:
        decoded = _ANY.decode_lines(lines)
        return len(decoded) == rows and _keys_once(lines, decoded)
    except _BAD:
        return False


def _valid(text: bytes) -> bool:
    """The same for one value that has line ends in it."""
    if re.search(_TOO_LONG.encode(), text):
        return False
    try:
        return _keys_once(text, [_ANY.decode(text)])
    except _BAD:
        return False


def _keys_once(text: bytes, decoded: list[Any]) -> bool:
    """No object has a key twice: decoding drops the second, so encoded again there are fewer colons after keys."""
    unusual = _UNUSUAL.search(text)
    if unusual and b"\\u0000" in text:
        return False
    if unusual or msgspec.json.encode(decoded).count(b'":') != text.count(b'":'):
        for value in text.split(b"\n") if len(decoded) > 1 else (text,):
            json.loads(value, object_pairs_hook=_unique)
    return True


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
