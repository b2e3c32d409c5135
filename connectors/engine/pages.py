"""Pages of records that a source brings as columns: which of them make one transaction, and which keys they have."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Cursor as Reached
from connectors.contract import Page
from connectors.engine.emitted import Lookahead


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one transaction. ``keys`` are their lowest and highest key, None when a key may come twice."""

    batches: list[pa.RecordBatch]
    cursor: Reached | None
    names: tuple[str, ...]
    columns: list[pa.ChunkedArray]
    """The key's columns."""

    @property
    def keys(self) -> tuple[int, int] | None:
        """Where the keys are one integer column that ascends strictly over all pages."""
        if len(self.names) != 1 or not pa.types.is_integer(self.columns[0].type):
            return None
        column = self.columns[0].combine_chunks()
        if not len(column) or not pc.all(pc.less(column[:-1], column[1:]), min_count=0).as_py():
            return None
        return column[0].as_py(), column[-1].as_py()

    def place(self, row: int) -> str:
        """A record for people."""
        return ", ".join(f"{name} {column[row]}" for name, column in zip(self.names, self.columns, strict=True))


def collect(emitted: Lookahead, most: int, key: tuple[str, ...]) -> Pages:
    """The next pages up to ``most`` rows, one at least."""
    pages, rows = list[Page](), 0
    while isinstance(item := emitted.peek(), Page) and (not pages or rows + item.batch.num_rows <= most):
        emitted.take()
        pages.append(item)
        rows += item.batch.num_rows
    reached = next((page.cursor for page in reversed(pages) if page.cursor is not None), None)
    batches = _joined([page.batch for page in pages])
    columns = [pa.chunked_array([batch.column(batch.schema.get_field_index(name)) for batch in batches]) for name in key]
    return Pages(batches, reached, key, columns)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """One batch where all have the same columns: what is done for each batch then happens once."""
    if any(not batch.schema.equals(batches[0].schema, check_metadata=True) for batch in batches):
        return batches
    return list(pa.Table.from_batches(batches).combine_chunks().to_batches()) or batches[:1]
