"""Column types: which text fits which Postgres type exactly, how two types join, how Arrow and Postgres name them.

A type "fits" a text when storing it keeps the value: no digit, sign, zone or character is lost. What does not fit
anything is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import KIND
from connectors.engine import jsontext

LONGEST_NUMBER = 1_000
"""Digits of a number; longer ones stay text (Postgres numeric takes 131,072 before the point)."""

_INTEGER = r"(?:0|-?[1-9][0-9]{0,18})"
_DECIMAL = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"
_SCIENTIFIC = r"-?[0-9](?:\.[0-9]+)?[eE][+-][0-9]{1,2}"
_JSON_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
PATTERNS = {
    "smallint": _INTEGER,
    "integer": _INTEGER,
    "bigint": _INTEGER,
    "numeric": f"{_DECIMAL}|{_SCIENTIFIC}",
    "real": f"{_DECIMAL}|{_SCIENTIFIC}",
    "double precision": f"{_DECIMAL}|{_SCIENTIFIC}",
    "boolean": "(?i:true|false)",
    "date": _DATE,
    "timestamp": _DATE + _TIME,
    "timestamptz": _DATE + _TIME + _ZONE,
    "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
}
ARROW: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "time": pa.time64("us"),
    "bytea": pa.binary(),
}
CANDIDATES: dict[bytes, tuple[str, ...]] = {
    b"lexical": ("bigint", "numeric", "boolean", "date", "timestamp", "timestamptz", "uuid", "jsonb"),
    b"string": ("date", "timestamp", "timestamptz", "uuid"),
    b"number": ("bigint", "numeric"),
    b"boolean": ("boolean",),
    b"json": ("jsonb",),
}
_WIDER = ("smallint", "integer", "bigint", "numeric")
_POSTGRES = {
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "decimal": "numeric",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "float8": "double precision",
    "float4": "real",
    "bool": "boolean",
    "varchar": "text",
    "json": "jsonb",
}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")


def short(name: str) -> str:
    """The engine's name of a Postgres type (``format_type`` or what a source declares)."""
    name = name.strip().lower().replace(", ", ",")
    return _POSTGRES.get(name, name)


def precision(name: str) -> tuple[int, int] | None:
    """(precision, scale) of ``numeric(p,s)``, else None."""
    match = _NUMERIC.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def kind_of(field: pa.Field) -> bytes | None:
    """What a text column's text is; None for a column that carries its type."""
    if field.type != pa.string():
        return None
    kind: bytes = (field.metadata or {}).get(KIND, b"lexical")
    return kind


def join(one: str | None, other: str | None) -> str | None:
    """The narrowest type that holds the values of both exactly; None is a column of NULLs only."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if one in _WIDER and other in _WIDER:
        return max(one, other, key=_WIDER.index)
    if {one, other} == {"real", "double precision"}:
        return "double precision"
    numbers = [precision(name) or (19, 0) for name in (one, other) if precision(name) or name in _WIDER[:3]]
    if len(numbers) == 2:
        scale = max(scale for _, scale in numbers)
        digits = max(digits - scale for digits, scale in numbers) + scale
        return f"numeric({digits},{scale})"
    if "numeric" in (one, other) and numbers:
        return "numeric"
    return "text"


def of_arrow(kind: pa.DataType) -> str | None:
    """The Postgres type of a typed column; None for Arrow's null type."""
    types = pa.types
    if types.is_null(kind):
        return None
    if types.is_decimal(kind):
        return f"numeric({max(kind.precision, kind.scale)},{max(kind.scale, 0)})"
    if types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if isinstance(kind, pa.UuidType):
        return "uuid"
    if isinstance(kind, pa.JsonType):
        return "jsonb"
    for test, name in _OF_ARROW:
        if test(kind):
            return name
    return "text"


_OF_ARROW: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (lambda kind: kind in (pa.int8(), pa.int16(), pa.uint8()), "smallint"),
    (lambda kind: kind in (pa.int32(), pa.uint16()), "integer"),
    (lambda kind: kind in (pa.int64(), pa.uint32()), "bigint"),
    (lambda kind: kind == pa.uint64(), "numeric(20,0)"),
    (lambda kind: kind in (pa.float16(), pa.float32()), "real"),
    (lambda kind: kind == pa.float64(), "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_duration, "interval"),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "bytea"),
    (lambda kind: pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind), "bytea"),
    (pa.types.is_nested, "jsonb"),
)


def fits(values: pa.Array, name: str, kind: bytes) -> bool:
    """Whether every text of ``values`` (NULLs aside) is held exactly by type ``name``."""
    if name == "text" or values.null_count == len(values):
        return True
    if name == "jsonb":
        return jsontext.all_containers(values) if kind != b"json" else jsontext.all_valid(values)
    shape = _base(name)
    pattern = _JSON_NUMBER if kind == b"number" and shape == "numeric" else PATTERNS.get(shape)
    if pattern is None or not pc.all(pc.match_substring_regex(values, f"^(?:{pattern})$"), min_count=0).as_py():
        return False
    return _in_range(values, name, kind)


def _base(name: str) -> str:
    return "numeric" if precision(name) else name


def _in_range(values: pa.Array, name: str, kind: bytes) -> bool:
    """What the pattern cannot say: the calendar, the range, signs of zero, digits of a numeric."""
    if name in ("uuid", "boolean"):
        return True
    if _base(name) in ("numeric", "real", "double precision"):
        return _number_in_range(values, name, kind)
    try:
        pc.cast(values, ARROW[name])
    except pa.ArrowInvalid:
        return False
    if name in ("date", "timestamp", "timestamptz"):
        return not pc.any(pc.starts_with(values, "0000"), min_count=0).as_py()
    # Arrow takes no integer beyond the range, and the pattern no other spelling of it.
    return True


_EXACT_DIGITS = {"real": 6, "double precision": 15}
"""Decimal digits that binary floating point gives back as they came; longer numbers would be rounded."""


def _number_in_range(values: pa.Array, name: str, kind: bytes) -> bool:
    longest = pc.max(pc.binary_length(values)).as_py()
    if longest > LONGEST_NUMBER:
        return False
    if pc.any(pc.match_substring_regex(values, r"^-0(?:\.0+)?(?:[eE].*)?$"), min_count=0).as_py():
        return False
    if name in _EXACT_DIGITS:
        digits = pc.binary_length(pc.replace_substring_regex(values, "[-.]", ""))
        return (
            pc.max(digits).as_py() <= _EXACT_DIGITS[name]
            and not pc.any(pc.match_substring_regex(values, "[eE]"), min_count=0).as_py()
        )
    limits = precision(name)
    if limits is None:
        return True
    try:
        pc.cast(values, pa.decimal256(76, limits[1])).cast(pa.decimal256(min(limits[0], 76), limits[1]))
    except pa.ArrowInvalid:
        return False
    return True


def fits_each(values: pa.Array, name: str, kind: bytes) -> list[bool]:
    """For each value whether it fits (a NULL does). Halves the array around the misfits: cheap when they are few."""
    if fits(values, name, kind):
        return [True] * len(values)
    if len(values) == 1:
        return [False]
    half = len(values) // 2
    return fits_each(values.slice(0, half), name, kind) + fits_each(values.slice(half), name, kind)


def infer(values: pa.Array, kind: bytes, candidates: Iterable[str] | None = None) -> str | None:
    """The narrowest type that fits all of ``values``; None when all are NULL."""
    if values.null_count == len(values):
        return None
    first = values.drop_null().slice(0, 1)
    for name in CANDIDATES[kind] if candidates is None else candidates:
        if (fits(first, name, kind) or name == "numeric") and fits(values, name, kind):
            return name
    return "text"


def typed(kind: pa.DataType, values: pa.Array) -> str | None:
    """The Postgres type for a typed column's values; text where Postgres would round (nanoseconds) or has no room (durations)."""
    if values.null_count == len(values) and pa.types.is_null(kind):
        return None
    stored = _in_microseconds(kind)
    try:
        if stored is not None:
            pc.cast(values, stored)
    except pa.ArrowInvalid:
        return "text"
    return of_arrow(kind)


def _in_microseconds(kind: pa.DataType) -> pa.DataType | None:
    """The same type in microseconds, for those that may not fit into them."""
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    return pa.time64("us") if pa.types.is_time64(kind) and kind.unit == "ns" else None
