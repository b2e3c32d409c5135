"""Pages of records that a source brings as columns: which of them make one transaction, taken as they arrive."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Cursor as Reached
from connectors.contract import Page
from connectors.engine.emitted import Lookahead


class Pages:
    """The next pages of a source up to ``most`` rows, one at least. The next is asked for while the last is being loaded.

    ``first`` is the lowest key where it is one integer column and ascends strictly over all pages, else None.
    """

    def __init__(self, emitted: Lookahead, most: int, key: tuple[str, ...]) -> None:
        self._emitted, self._most, self._key = emitted, most, key
        self._keys: list[pa.RecordBatch] = []
        self._rows = 0
        self.cursor: Reached | None = None
        item = emitted.peek()
        assert isinstance(item, Page)
        self.first, self._last = self._bounds(item.batch)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while isinstance(item := self._emitted.peek(), Page) and self._joins(item.batch):
            self._emitted.take()
            self._rows += item.batch.num_rows
            self._keys.append(item.batch.select(list(self._key)))
            self.cursor = item.cursor if item.cursor is not None else self.cursor
            yield item.batch

    def _joins(self, batch: pa.RecordBatch) -> bool:
        if not self._keys:
            return True
        if self._rows + batch.num_rows > self._most:
            return False
        if self._last is None:
            return True
        first, last = self._bounds(batch)
        if first is None or first <= self._last:
            return False
        self._last = last
        return True

    def _bounds(self, batch: pa.RecordBatch) -> tuple[int | None, int | None]:
        """Lowest and highest key, where keys are integers in strictly ascending order."""
        keys = batch.column(batch.schema.get_field_index(self._key[0]))
        if len(self._key) > 1 or not len(keys) or keys.null_count or not pa.types.is_integer(keys.type):
            return None, None
        if not pc.all(pc.less(keys[:-1], keys[1:]), min_count=0).as_py():
            return None, None
        return keys[0].as_py(), keys[-1].as_py()

    def place(self, row: int) -> str:
        """A record for people."""
        keys = pa.Table.from_batches(self._keys)
        return ", ".join(f"{name} {keys.column(name)[row]}" for name in self._key)
