"""Arrow batches -> the bytes of one COPY: binary where every column has an exact binary form, else CSV.

Binary halves the server's work. CSV takes whatever Postgres can parse (numbers of any length, types that a person
gave a column) and is what the binary form is tested against.
"""

from __future__ import annotations

import sys
from binascii import unhexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pgpq
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import encoders
from pgpq.schema import Jsonb

from connectors.contract import StopStream
from connectors.engine import types
from connectors.engine.numeric import Unfit, numeric_wire

_JSON = msgspec.json.Encoder(decimal_format="number", order=None)
_NIL_UUID = "00000000-0000-0000-0000-000000000000"
_UUID_LENGTH = len(_NIL_UUID)


Constant = UUID | datetime | int
"""A value that every row of a load has."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The data of one COPY statement. ``format`` is ``binary`` or ``csv``."""

    format: str
    columns: list[str]
    chunks: list[Any]
    rows: int


def encode(batch: pa.RecordBatch, columns: Mapping[str, str], constants: Mapping[str, Constant]) -> Payload:
    """The batch for a table whose columns have these Postgres types (a superset of the batch's)."""
    pairs = [(field, values, columns[field.name]) for field, values in zip(batch.schema, batch.columns, strict=True)]
    names = [*batch.schema.names, *constants]
    rows = batch.num_rows
    try:
        return Payload("binary", names, _binary(pairs, constants, rows), rows)
    except (Unfit, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return Payload("csv", names, [_csv(pairs, constants, rows)], rows)


def _binary(pairs: list[tuple[pa.Field, pa.Array, str]], constants: Mapping[str, Constant], rows: int) -> list[bytes]:
    arrays = {field.name: _wire(values, target, types.kind_of(field) is not None) for field, values, target in pairs}
    arrays |= {name: pa.repeat(_scalar(value), rows) for name, value in constants.items()}
    batch = pa.RecordBatch.from_pydict(arrays)
    json = {field.name for field, _, target in pairs if target == "jsonb"}
    builders = {
        field.name: encoders.StringEncoderBuilder.new_with_output(field, Jsonb())
        if field.name in json
        else pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(field)
        for field in batch.schema
    }
    encoder = pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(batch.schema, builders)
    return [encoder.write_header(), encoder.write_batch(batch), encoder.finish()]


def _scalar(value: Constant) -> pa.Scalar:
    if isinstance(value, UUID):
        return pa.scalar(value.bytes, pa.binary(16))
    return pa.scalar(value, pa.timestamp("us", "UTC") if isinstance(value, datetime) else pa.int64())


def _wire(values: pa.Array, target: str, is_text: bool) -> pa.Array:
    """The column as the Arrow type whose pgpq form is the target type's wire form."""
    if target in types.ARROW and (is_text or not pa.types.is_nested(values.type)):
        return values.cast(types.ARROW[target])
    if target in ("text", "jsonb"):
        return values if is_text else as_text(values)
    if target == "numeric" or types.precision(target):
        return numeric_wire(values, is_text)
    if target == "uuid":
        return _uuid_wire(values) if is_text else values.storage
    raise Unfit


def _uuid_wire(values: pa.Array) -> pa.Array:
    """Canonical text -> 16 bytes each."""
    text = values.fill_null(_NIL_UUID)
    rows = len(text)
    start = int.from_bytes(text.buffers()[1][4 * text.offset :][:4], sys.byteorder) if rows else 0
    digits = text.buffers()[2].to_pybytes()[start : start + rows * _UUID_LENGTH].translate(None, b"-") if rows else b""
    valid = pc.is_valid(values).buffers()[1] if values.null_count else None
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [valid, pa.py_buffer(unhexlify(digits))])


def _csv(pairs: list[tuple[pa.Field, pa.Array, str]], constants: Mapping[str, Constant], rows: int) -> Any:
    from pyarrow import csv

    arrays = {field.name: values if types.kind_of(field) is not None else as_text(values) for field, values, _ in pairs}
    arrays |= {name: pa.repeat(pa.scalar(str(value)), rows) for name, value in constants.items()}
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.RecordBatch.from_pydict(arrays), sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()


def as_text(values: pa.Array) -> pa.Array:
    """A typed column as the text that Postgres parses back to the same values."""
    kind = values.type
    if kind == pa.string():
        return values
    if isinstance(kind, pa.JsonType | pa.UuidType):
        return values.storage.cast(pa.string()) if isinstance(kind, pa.JsonType) else _each(values, str)
    if pa.types.is_nested(kind):
        return _nested(values)
    if types.of_arrow(kind) == "bytea":
        return _each(values, lambda value: "\\x" + bytes(value).hex())
    if pa.types.is_duration(kind):
        return _durations(values)
    if pa.types.is_float16(kind):
        values = values.cast(pa.float32())
    return values.cast(pa.string())


_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def _durations(values: pa.Array) -> pa.Array:
    """Durations in the form of ISO 8601 with all their digits: PT1H0.500S. PostgreSQL rounds long seconds, so hours stand apart."""
    digits = _DIGITS[values.type.unit]

    def iso(count: int) -> str:
        sign = "-" if count < 0 else ""
        whole, rest = divmod(abs(count), 10**digits)
        hours, seconds = divmod(whole, 3600)
        return f"PT{f'{sign}{hours}H' if hours else ''}{sign}{seconds}{f'.{rest:0{digits}d}' if digits else ''}S"

    return _each(values.cast(pa.int64()), iso)


def _each(values: pa.Array, convert: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in values.to_pylist()], pa.string())


def _nested(values: pa.Array) -> pa.Array:
    """Lists, structs and maps as JSON; decimals keep their digits. StopStream for what Python has no value for: times finer
    than microseconds or beyond its calendar, a map with a key twice."""
    try:
        rows = values.to_pylist(maps_as_pydicts="strict")
    except (ValueError, OverflowError, KeyError) as error:
        raise StopStream(f"A nested value cannot be kept as JSON ({str(error).partition('. ')[0]})") from None
    return pa.array([None if row is None else _JSON.encode(row).decode() for row in rows], pa.string())
