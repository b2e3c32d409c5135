"""Odoo's fields -> columns: types come from ``fields_get``, because every empty value but a boolean's is ``false``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import KIND, RAW, StopStream

_JSON = msgspec.json.Encoder()
_TEXT = {KIND: b"string"}
_NUMBER = {KIND: b"number"}
_MOST_TEXT = 1 << 30
"""Bytes of a page that Arrow's 32-bit offsets hold comfortably."""
_NESTED = {KIND: b"json"}
_MISFIT = (pa.ArrowException, TypeError, ValueError, LookupError, OverflowError)
"""What a conversion raises for a value that is not of the field's type."""
_SHOWN = 60

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


Converted = tuple[Mapping[bytes, bytes] | None, pa.Array]
Convert = Callable[[list[Any]], Converted]


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

    ``record`` is the type that answers are decoded into, smaller than a dictionary of as many keys. ``note`` hears of values
    that are not of their field's type: these stay in ``_raw``, and the column is NULL.
    """

    def __init__(self, fields: Sequence[Field], model: str = "", note: Callable[[str], None] = lambda line: None) -> None:
        self.model, self._note, self._noted = model, note, set[str]()
        self.stale: Sequence[str] = ()
        """Columns of fields that are no longer read: set NULL, because an old value must not stand beside new ones."""
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
            kind, array = self._converted(field, list(map(getter, records)), records)
            fields.append(pa.field(field.name, array.type, metadata=kind))
            arrays.append(array)
        for name in self.stale:
            fields.append(pa.field(name, pa.string(), metadata=_TEXT))
            arrays.append(pa.nulls(len(records), pa.string()))
        fields.append(pa.field("_raw", pa.string(), metadata=RAW))
        arrays.append(self._lines(records))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _converted(self, field: Field, values: list[Any], records: Sequence[Any]) -> Converted:
        """The values as a column; those that are not of its type are left out, and said once."""
        convert = _CONVERT[field.column_type or "text"]
        try:
            return convert(values)
        except _MISFIT:
            unfit = [place for place, value in enumerate(values) if not _fits(convert, value)]
        first = unfit[0]
        shown = repr(values[first])
        told = f"{field.name} of {self.model} {self._id(records[first])} is {shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}"
        if field.name == "id":
            raise StopStream(f"{told}: a record without a number for its id cannot be loaded")
        if field.name not in self._noted:
            self._noted.add(field.name)
            self._note(f"{told}, which is no {field.type}: such values stay in _raw, and the column is NULL for them")
        return convert([None if place in set(unfit) else value for place, value in enumerate(values)])

    def _id(self, record: Any) -> Any:
        return msgspec.to_builtins(record).get("id")

    def _lines(self, records: Sequence[Any]) -> pa.Array:
        """Each record as JSON text. StopStream for a NUL character in one."""
        text = _JSON.encode_lines(records)
        if b"\\u0000" in text:
            self._refuse_nul(records)
        if len(text) > _MOST_TEXT:
            return pa.array(map(_JSON.encode, records), pa.binary()).cast(pa.string())
        whole = pa.StringArray.from_buffers(1, pa.array([0, len(text)], pa.int32()).buffers()[1], pa.py_buffer(text))
        return pc.split_pattern(whole, "\n")[0].values.slice(0, len(records))

    def _refuse_nul(self, records: Sequence[Any]) -> None:
        for record in records:
            for name, value in msgspec.to_builtins(record).items():
                if _has_nul(value):
                    raise StopStream(
                        f"{name} of {self.model} {self._id(record)} holds a NUL character, which PostgreSQL cannot store:"
                        " take it out in Odoo"
                    )


def _fits(convert: Convert, value: Any) -> bool:
    try:
        convert([value])
    except _MISFIT:
        return False
    return True


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_nul, [*value, *value.values()]))
    return any(map(_has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


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


def _numbers(values: list[Any]) -> Converted:
    """Decimal text: a float's shortest text is what Odoo's database holds. Adding zero takes the sign off a negative one."""
    plain = [None if value is False else value for value in values]
    try:
        floats = pa.array(plain, pa.float64())
    except pa.ArrowInvalid:  # an integer beyond the 53 bits of a float, or no number
        return _NUMBER, pa.array([None if value is None else _decimal(value) for value in plain], pa.string())
    if not pc.all(pc.is_finite(floats), min_count=0).as_py():
        raise ValueError("not a finite number")
    return _NUMBER, pc.add(floats, 0.0).cast(pa.string())


def _decimal(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, float) or not math.isfinite(value):
        raise ValueError("not a finite number")
    return repr(value + 0.0)


def _texts(values: list[Any]) -> tuple[Mapping[bytes, bytes], pa.Array]:
    plain = [None if value is False or value is None else value if isinstance(value, str) else str(value) for value in values]
    return _TEXT, pa.array(plain, pa.string())


def _moments(kind: pa.DataType, width: int, zone: str | None = None) -> Convert:
    """Dates, and datetimes in UTC, of so many characters: Odoo writes a year before 1000 with fewer."""

    def convert(values: list[Any]) -> Converted:
        text = pa.array([value or None for value in values], pa.string())
        try:
            typed = text.cast(kind)
        except pa.ArrowInvalid:
            typed = pc.utf8_lpad(text, width, "0").cast(kind)
        return None, typed.cast(pa.timestamp("us", zone)) if zone else typed

    return convert


def _nested(values: list[Any]) -> tuple[Mapping[bytes, bytes], pa.Array]:
    """Lists of ids (an empty one is a value) and JSON; ``false`` is no value."""
    return _NESTED, pa.array(
        [None if value is False or value is None else _JSON.encode(value).decode() for value in values], pa.string()
    )


_CONVERT: Mapping[str, Convert] = {
    "boolean": _booleans,
    "bigint": _integers,
    "numeric": _numbers,
    "text": _texts,
    "date": _moments(pa.date32(), 10),
    "timestamptz": _moments(pa.timestamp("us"), 19, "UTC"),
    "jsonb": _nested,
}
