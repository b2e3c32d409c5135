"""Odoo's fields -> columns: types come from ``fields_get``, because every empty value but a boolean's is ``false``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import KIND, RAW

_JSON = msgspec.json.Encoder()
_TEXT = {KIND: b"string"}
_NUMBER = {KIND: b"number"}
_MOST_TEXT = 1 << 30
"""Bytes of a page that Arrow's 32-bit offsets hold comfortably."""
_NESTED = {KIND: b"json"}

COLUMN_TYPES: Mapping[str, str] = {
    "boolean": "boolean",
    "integer": "bigint",
    "many2one": "bigint",
    "many2one_reference": "bigint",
    "float": "numeric",
    "monetary": "numeric",
    "char": "text",
    "text": "text",
    "html": "text",
    "selection": "text",
    "reference": "text",
    "date": "date",
    "datetime": "timestamptz",
    "many2many": "jsonb",
    "json": "jsonb",
    "properties": "jsonb",
    "properties_definition": "jsonb",
    "serialized": "jsonb",
}
"""Postgres types by Odoo's. Field types that are not here (one2many, binary) are kept in ``_raw`` alone."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model as ``fields_get`` describes it."""

    name: str
    type: str
    label: str
    stored: bool

    @property
    def column_type(self) -> str | None:
        """The column's Postgres type; None when the field has no column."""
        return COLUMN_TYPES.get(self.type, None)


class Layout:
    """The fields that are read of one model, in order, and the columns they become.

    ``record`` is the type that answers are decoded into, smaller than a dictionary of as many keys.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {field.name: field for field in fields}
        self.columns = [field for field in fields if field.column_type]
        places = {field.name: f"f{place}" for place, field in enumerate(fields)}
        self.record = msgspec.defstruct(
            "Record", [(place, Any) for place in places.values()], rename={place: name for name, place in places.items()}, gc=False
        )
        self._getters = [attrgetter(places[field.name]) for field in self.columns]

    @property
    def names(self) -> list[str]:
        """What to ask Odoo for; ``id`` comes anyway."""
        return [name for name in self.fields if name != "id"]

    @property
    def schema(self) -> dict[str, str]:
        """Postgres type by column."""
        return {field.name: field.column_type or "text" for field in self.columns}

    @property
    def digest(self) -> str:
        """Changes when a field comes, goes or changes its type: records must then be read again."""
        text = ",".join(f"{field.name}:{field.type}" for field in sorted(self.fields.values(), key=lambda field: field.name))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def batch(self, records: Sequence[Any]) -> pa.RecordBatch:
        """The records (of type ``record``) as columns, ``_raw`` last."""
        fields, arrays = [], []
        for field, getter in zip(self.columns, self._getters, strict=True):
            kind, array = _CONVERT[field.column_type or "text"](list(map(getter, records)))
            fields.append(pa.field(field.name, array.type, metadata=kind))
            arrays.append(array)
        fields.append(pa.field("_raw", pa.string(), metadata=RAW))
        arrays.append(_lines(records))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def chosen(described: Mapping[str, Mapping[str, Any]], unstored: Sequence[str]) -> list[Field]:
    """The fields to read: all that are stored, those of ``unstored`` that exist, and ``id``."""
    fields = [
        Field(name, str(told.get("type")), str(told.get("string") or name), bool(told.get("store")))
        for name, told in described.items()
        if told.get("store") or name in unstored or name == "id"
    ]
    return sorted(fields, key=lambda field: field.name != "id")


def _integers(values: list[Any]) -> tuple[None, pa.Array]:
    """Integers and ids; a many2one may still come as ``[id, label]``."""
    plain = [None if value is False or value is None else value[0] if isinstance(value, list) else value for value in values]
    return None, pa.array(plain, pa.int64())


def _booleans(values: list[Any]) -> tuple[None, pa.Array]:
    return None, pa.array([None if value is None else bool(value) for value in values], pa.bool_())


def _lines(records: Sequence[Any]) -> pa.Array:
    """Each record as JSON text."""
    text = _JSON.encode_lines(records)
    if len(text) > _MOST_TEXT:
        return pa.array(map(_JSON.encode, records), pa.binary()).cast(pa.string())
    whole = pa.StringArray.from_buffers(1, pa.array([0, len(text)], pa.int32()).buffers()[1], pa.py_buffer(text))
    return pc.split_pattern(whole, "\n")[0].values.slice(0, len(records))


def _numbers(values: list[Any]) -> tuple[Mapping[bytes, bytes], pa.Array]:
    """Decimal text: a float's shortest text is what Odoo's database holds. Adding zero takes the sign off a negative one."""
    floats = pa.array([None if value is False else value for value in values], pa.float64())
    return _NUMBER, pc.add(floats, 0.0).cast(pa.string())


def _texts(values: list[Any]) -> tuple[Mapping[bytes, bytes], pa.Array]:
    plain = [None if value is False or value is None else value if isinstance(value, str) else str(value) for value in values]
    return _TEXT, pa.array(plain, pa.string())


def _moments(kind: pa.DataType, zone: str | None = None) -> Callable[[list[Any]], tuple[Mapping[bytes, bytes] | None, pa.Array]]:
    """Dates, and datetimes in UTC. What is not one of the calendar's stays text, for the engine to deal with."""

    def convert(values: list[Any]) -> tuple[Mapping[bytes, bytes] | None, pa.Array]:
        text = pa.array([value or None for value in values], pa.string())
        try:
            typed = text.cast(kind)
        except pa.ArrowInvalid:
            return _TEXT, text
        return None, typed.cast(pa.timestamp("us", zone)) if zone else typed

    return convert


def _nested(values: list[Any]) -> tuple[Mapping[bytes, bytes], pa.Array]:
    """Lists of ids (an empty one is a value) and JSON; ``false`` is no value."""
    return _NESTED, pa.array(
        [None if value is False or value is None else _JSON.encode(value).decode() for value in values], pa.string()
    )


_CONVERT: Mapping[str, Callable[[list[Any]], tuple[Mapping[bytes, bytes] | None, pa.Array]]] = {
    "boolean": _booleans,
    "bigint": _integers,
    "numeric": _numbers,
    "text": _texts,
    "date": _moments(pa.date32()),
    "timestamptz": _moments(pa.timestamp("us"), "UTC"),
    "jsonb": _nested,
}
