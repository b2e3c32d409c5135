"""Batches as the engine works on them: of bounded size and of plain types."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from connectors.contract import KIND

SLICE = 8 << 20
"""Bytes of a batch at most; wider ones are cut, so that memory does not follow the row width."""


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of at most about SLICE bytes, plain types only (no dictionaries, views or large strings)."""
    batch = _plain(batch)
    pieces = max(1, -(-batch.nbytes // SLICE))
    step = max(1, -(-batch.num_rows // pieces))
    for start in range(0, max(batch.num_rows, 1), step):
        yield batch.slice(start, step)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    for position, column in enumerate(batch.schema):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind)
        metadata = column.metadata
        if text or (kind == pa.string() and kind != column.type):
            kind, metadata = pa.string(), metadata or {KIND: b"string"}
        if kind != column.type:
            values = batch.column(position)
            values = values.dictionary_decode() if pa.types.is_dictionary(column.type) else values
            batch = batch.set_column(position, pa.field(column.name, kind, metadata=metadata), values.cast(kind))
    return batch
