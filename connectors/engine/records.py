"""Records of an API source -> Arrow batches of text, each column with the kind of JSON value it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa

from connectors.contract import KIND, RAW, Record

_JSON = msgspec.json.Encoder(decimal_format="number")


def to_batch(records: Sequence[Record], keep_raw: bool = False) -> pa.RecordBatch:
    """One batch: the union of the records' keys in order of first sight; a key that a record lacks is NULL there."""
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
    fields, arrays = [], []
    for name in names:
        kind, values = column([record.get(name) for record in records])
        fields.append(pa.field(name, pa.string(), metadata={KIND: kind}))
        arrays.append(pa.array(values, pa.string()))
    if keep_raw:
        fields.append(pa.field("_raw", pa.string(), metadata=RAW))
        arrays.append(pa.array([json_text(record) for record in records], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def column(values: Sequence[Any]) -> tuple[bytes, list[str | None]]:
    """The kind of a column and its values as text. Different kinds in one column make it a string."""
    kinds = {kind_of(value) for value in values if value is not None}
    texts = [None if value is None else text_of(value) for value in values]
    return (kinds.pop() if len(kinds) == 1 else b"string"), texts


def kind_of(value: Any) -> bytes:
    """The kind of one value, as :data:`connectors.contract.KIND` says."""
    if isinstance(value, bool):
        return b"boolean"
    if isinstance(value, int | float | Decimal):
        return b"number"
    return b"json" if isinstance(value, dict | list | tuple) else b"string"


def text_of(value: Any) -> str:
    """The value's text; numbers with all their digits, never through a double."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return json_text(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"A record holds a {type(value).__name__}; the engine takes JSON values, Decimal, date, datetime and UUID")


def json_text(value: Any) -> str:
    """JSON of a value; decimals as numbers with all their digits."""
    try:
        return _JSON.encode(value).decode()
    except (OverflowError, UnicodeEncodeError):  # integers beyond 64 bits, lone surrogates
        return json.dumps(value, default=text_of)
