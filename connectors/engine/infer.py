"""Column types over all the batches of a load: a column only ever widens, and a batch is looked at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from connectors.contract import StopStream
from connectors.engine import types
from connectors.engine.names import MOST, column_names


@dataclass(slots=True)
class Column:
    """A data column of the target. ``type`` None: only NULLs so far. ``source`` is the header's name for it."""

    name: str
    source: str
    type: str | None
    declared: bool = False
    """The vendor (or the table, under a policy that keeps it) says the type: any text that fits is taken."""


class Inference:
    """The columns of one target table while a load goes over its batches.

    ``known`` are the table's columns, ``declared`` the types that the vendor tells for columns by their source name.
    """

    def __init__(self, known: Mapping[str, str], declared: Mapping[str, str] | None = None) -> None:
        self.columns: dict[str, Column] = {name.casefold(): Column(name, name, kind) for name, kind in known.items()}
        self.version = 0
        """Grows whenever a column is new or widened."""
        self._declared = {name.casefold(): types.short(kind) for name, kind in (declared or {}).items()}
        self._header: list[str] = []
        self._names: list[str] = []

    def types(self) -> dict[str, str]:
        """Postgres type by column; a column of NULLs only is text."""
        return {column.name: column.type or "text" for column in self.columns.values()}

    def renamed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch under the names of the target's columns; new ones are added to ``columns`` with no type yet."""
        header = batch.schema.names
        if header != self._header:
            self._header, self._names = (
                header,
                [self._column(*pair).name for pair in zip(column_names(header), header, strict=True)],
            )
            if len(self.columns) > MOST:
                raise StopStream(f"The table would have {len(self.columns)} columns; PostgreSQL holds {MOST} of data")
        return batch.rename_columns(self._names)

    def _column(self, name: str, source: str) -> Column:
        column = self.columns.get(name.casefold())
        if column is None:
            kind = self._declared.get(source.casefold())
            column = self.columns[name.casefold()] = Column(name, source, kind, kind is not None)
            self.version += 1
        return column

    def observe(self, batch: pa.RecordBatch) -> None:
        """Widen the columns to what this (renamed) batch holds."""
        for field, values in zip(batch.schema, batch.columns, strict=True):
            column = self.columns[field.name.casefold()]
            joined = types.join(column.type, _seen(column, field, values))
            if joined != column.type:
                column.type, column.declared = joined, False
                self.version += 1


def _seen(column: Column, field: pa.Field, values: pa.Array) -> str | None:
    """The type that these values need beside the column's: the column's own when they fit it."""
    kind = types.kind_of(field)
    if kind is None:
        return column.type if column.type == "text" else types.typed(field.type, values)
    if values.null_count == len(values) or column.type == "text":
        return column.type
    if column.type is not None and takes(column, kind) and types.fits(values, column.type, kind):
        return column.type
    return types.infer(values, kind)


def takes(column: Column, kind: bytes) -> bool:
    """Whether text of this kind may become the column's type at all (a JSON string "5" is no number)."""
    if column.declared or column.type is None:
        return True
    base = "numeric" if types.precision(column.type) else column.type
    base = {"smallint": "bigint", "integer": "bigint", "real": "numeric", "double precision": "numeric"}.get(base, base)
    return base in types.CANDIDATES[kind]
