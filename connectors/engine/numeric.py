"""Decimal text -> Postgres' binary numeric, each value with the scale it was written with, a column at a time.

The wire form is int16 each: number of base-10000 digits, weight, sign, display scale, digits. The server drops leading and
trailing zero digits, so every value of a batch can have the same width, and its bytes are set by stride.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_BASE = pa.scalar(10_000, pa.int64())
_MOST_FRACTION = 15
_MOST_DIGITS = 18


class Unfit(Exception):
    """The column has no exact binary form here; it goes as CSV."""


def numeric_wire(values: pa.Array, is_text: bool) -> pa.Array:
    """The column as fixed-size binary (from text) or Arrow decimal; Unfit when it has too many digits."""
    if not is_text:
        return _decimal(values)
    text = values.fill_null("0")
    length, point = pc.binary_length(text), pc.find_substring(text, ".")
    scale = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(length, point), 1))
    fraction = pc.max(scale).as_py() or 0
    if fraction > _MOST_FRACTION or _has_exponent(text):
        raise Unfit
    unscaled = text.cast(pa.decimal64(_MOST_DIGITS, fraction))
    whole = pa.Array.from_buffers(pa.int64(), len(unscaled), [None, unscaled.buffers()[1]], offset=unscaled.offset)
    return _assemble(values, whole, scale, fraction)


def _has_exponent(text: pa.Array) -> bool:
    data = text.buffers()[2].to_pybytes().lower()
    return b"e" in data and bool(pc.any(pc.match_substring(text, "e", ignore_case=True)).as_py())


def _decimal(values: pa.Array) -> pa.Array:
    if pa.types.is_integer(values.type):
        return values.cast(pa.decimal128(20, 0))
    if not pa.types.is_decimal(values.type) or values.type.scale < 0:
        raise Unfit
    return values if pa.types.is_decimal128(values.type) else values.cast(pa.decimal128(38, values.type.scale))


def _assemble(values: pa.Array, unscaled: pa.Array, scale: pa.Array, fraction: int) -> pa.Array:
    rows = len(values)
    magnitude = pc.abs(unscaled)
    unit = pa.scalar(10**fraction, pa.int64())
    whole = pc.divide(magnitude, unit)
    after = (fraction + 3) // 4
    rest = pc.multiply(pc.subtract(magnitude, pc.multiply(whole, unit)), 10 ** (4 * after - fraction))
    before = max(1, (len(str(pc.max(whole).as_py() or 0)) + 3) // 4)
    digits = [*_digits(whole, before), *_digits(rest, after)]
    sign = pc.if_else(pc.less(unscaled, 0), 0x4000, 0)
    width = 8 + 2 * len(digits)
    wire = bytearray(rows * width)
    constants = (len(digits), before - 1)
    for place, constant in enumerate(constants):
        wire[2 * place + 1 :: width] = bytes([constant]) * rows
    for place, column in enumerate((sign, scale, *digits), len(constants)):
        data = column.cast(pa.int16()).buffers()[1].to_pybytes()[: 2 * rows]
        wire[2 * place :: width], wire[2 * place + 1 :: width] = data[1::2], data[0::2]
    valid = pc.is_valid(values).buffers()[1] if values.null_count else None
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows, [valid, pa.py_buffer(bytes(wire))])


def _digits(value: pa.Array, count: int) -> list[pa.Array]:
    """The lowest ``count`` base-10000 digits, highest first."""
    found: list[pa.Array] = []
    for _ in range(count):
        above = pc.divide(value, _BASE)
        found.insert(0, pc.subtract(value, pc.multiply(above, _BASE)))
        value = above
    return found
