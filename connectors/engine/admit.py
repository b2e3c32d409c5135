"""Which rows of a batch may be loaded: no NUL characters, no NULL in a key, and what the schema policy says of misfits."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Rejected, SchemaPolicy
from connectors.engine import types
from connectors.engine.errors import SchemaMismatch
from connectors.engine.infer import Column, Inference, takes
from connectors.engine.rejects import raw_text

SHOWN = 80


class Admission:
    """Checks batches under one policy. ``fixed``: the table's columns and types stay (any policy but evolve)."""

    def __init__(self, inference: Inference, policy: SchemaPolicy, fixed: bool, key: tuple[str, ...]) -> None:
        self._inference, self._policy, self._fixed, self.key = inference, policy, fixed, key
        self._known = {column.name for column in inference.columns.values()} if fixed else set()
        self.discarded_values = 0

    def check(
        self, batch: pa.RecordBatch, header: list[str], place: Callable[[int], str], reject: Callable[[Rejected], None]
    ) -> tuple[pa.RecordBatch, pa.Array | None]:
        """The rows to load and the mask that chose them (None: all). ``place`` takes the row of this batch."""
        reasons: dict[int, str] = {}
        found = batch
        self._nuls(batch, place, reasons)
        self._keys(batch, reasons)
        if self._fixed:
            batch = self._policies(batch, place, reasons)
        if not reasons:
            return batch, None
        for row in sorted(reasons):
            reject(Rejected(place(row), reasons[row], raw_text(found, row, header)))
        mask = pa.array([row not in reasons for row in range(batch.num_rows)])
        return batch.filter(mask), mask

    def _nuls(self, batch: pa.RecordBatch, place: Callable[[int], str], reasons: dict[int, str]) -> None:
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            data = values.buffers()[2] if values.type == pa.string() else None
            if data is None or b"\0" not in memoryview(data).tobytes():
                continue
            for row in pc.indices_nonzero(pc.match_substring(values, "\x00").fill_null(False)).to_pylist():
                reason = f"column {name} holds a NUL character, which PostgreSQL cannot store"
                if self._policy in ("evolve", "freeze"):
                    raise SchemaMismatch(reason, place(row))
                reasons.setdefault(row, reason)

    def _keys(self, batch: pa.RecordBatch, reasons: dict[int, str]) -> None:
        for name in self.key:
            position = batch.schema.get_field_index(name)
            if position < 0:
                reasons.update(dict.fromkeys(range(batch.num_rows), f"key column {name} is missing"))
            elif batch.column(position).null_count:
                for row in pc.indices_nonzero(pc.is_null(batch.column(position))).to_pylist():
                    reasons.setdefault(row, f"key column {name} is NULL")

    def _policies(self, batch: pa.RecordBatch, place: Callable[[int], str], reasons: dict[int, str]) -> pa.RecordBatch:
        for position, field in reversed(list(enumerate(batch.schema))):
            column = self._inference.columns[field.name.casefold()]
            values = batch.column(position)
            if column.name not in self._known:
                self._new_column(column, values, place, reasons)
                batch = batch.remove_column(position)
                continue
            misfits = _misfits(column, field, values)
            if misfits:
                batch = self._misfit(batch, position, column, misfits, place, reasons)
        return batch

    def _new_column(self, column: Column, values: pa.Array, place: Callable[[int], str], reasons: dict[int, str]) -> None:
        there = _there(values)
        if self._policy == "freeze":
            raise SchemaMismatch(f"column {column.source!r} is not in the table, and the schema policy is freeze", place(0))
        if self._policy == "discard_value":
            self.discarded_values += len(there)
            return
        for row in there:
            reasons.setdefault(row, f"column {column.source!r} is not in the table: {shown(values, row)}")

    def _misfit(
        self,
        batch: pa.RecordBatch,
        position: int,
        column: Column,
        rows: list[int],
        place: Callable[[int], str],
        reasons: dict[int, str],
    ) -> pa.RecordBatch:
        values = batch.column(position)
        if self._policy == "freeze":
            raise SchemaMismatch(
                f"column {column.name} is {column.type} and does not take {shown(values, rows[0])}", place(rows[0])
            )
        if self._policy == "discard_row" or column.name in self.key:  # a record without its key is no record
            for row in rows:
                reasons.setdefault(row, f"column {column.name} is {column.type} and does not take {shown(values, row)}")
            return batch
        self.discarded_values += len(rows)
        keep = [True] * batch.num_rows
        for row in rows:
            keep[row] = False
        kept = pc.if_else(pa.array(keep), values, pa.scalar(None, values.type))
        return batch.set_column(position, batch.schema.field(position), kept)


def shown(values: pa.Array, row: int) -> str:
    """A value as messages show it: quoted and shortened."""
    text = str(values[row].as_py())
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def _there(values: pa.Array) -> list[int]:
    """The rows that are not NULL."""
    rows: list[int] = pc.indices_nonzero(pc.is_valid(values)).to_pylist()
    return rows


def _misfits(column: Column, field: pa.Field, values: pa.Array) -> list[int]:
    """The rows whose value the column's type does not take."""
    kind = types.kind_of(field)
    if kind is None:
        seen = types.typed(field.type, values)
        fitting = types.join(column.type, seen) == column.type
        return [] if fitting else _there(values)
    if column.type is None or column.type == "text" or values.null_count == len(values):
        return []
    if not takes(column, kind):
        return _there(values)
    return [row for row, good in enumerate(types.fits_each(values, column.type, kind)) if not good]


def key_columns(inference: Inference, header: tuple[str, ...]) -> tuple[str, ...]:
    """The target's columns for a primary key that the source names."""
    by_source = {column.source.casefold(): column.name for column in inference.columns.values()}
    return tuple(by_source.get(name.casefold(), name) for name in header)
