"""A stream from its first record to its last commit: what the source emits is grouped into transactions.

A part is a transaction. Records are one per ``batch_size``, or one in all for write mode replace and for append
that is full or not in cursor order, which could double rows otherwise.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from inspect import GEN_CLOSED, getgeneratorstate
from types import GeneratorType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Cursor as Reached
from connectors.contract import Deleted, Emitted, Gone, Page, Part, Record, Rejected, Retry, SkipRecord, StopStream
from connectors.engine import merge, state, tables
from connectors.engine.context import Counts, StreamContext
from connectors.engine.copying import Copier
from connectors.engine.encode import Constant
from connectors.engine.errors import Cancelled
from connectors.engine.load import Unit, delete_rows, load, one_transaction, total_up
from connectors.engine.prove import prove
from connectors.engine.records import to_batch
from connectors.engine.spool import Spool
from connectors.engine.tables import Cursor

ATTEMPTS = 5
LONGEST_WAIT = 300.0
CHUNK = 1_000
"""Records per Arrow batch."""


def run_stream(context: StreamContext) -> Counts:
    """Run the stream to its end; its counts. Raises SourceError, EngineError, or Django's OperationalError."""
    with _calm_collector():
        run = _Run(context)
        try:
            if not context.settling:
                _to_the_end(context, run.once, run)
                run.finish()
            prove(context, lambda emitted: _to_the_end(context, lambda: run.take(emitted()), run))
        finally:
            run.close()
    context.counts.check()
    return context.counts


def _to_the_end(context: StreamContext, once: Callable[[], None], run: _Run) -> None:
    """Read until the source has no more; after Retry again from the last commit, a few times."""
    attempt = 0
    while True:
        before = run.commits
        try:
            return once()
        except Retry as error:
            attempt = 1 if run.commits > before else attempt + 1
            if attempt > ATTEMPTS:
                raise StopStream(f"{error} (tried {attempt} times)") from error
            _wait(context, error, attempt)


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Let Python's garbage collector leave alone what was there before: checking JSON makes millions of short-lived objects."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _wait(context: StreamContext, error: Retry, attempt: int) -> None:
    seconds = min(error.after if error.after is not None else 2.0**attempt * random.uniform(0.5, 1), LONGEST_WAIT)  # noqa: S311 (jitter)
    context.log.warning("%s; trying again in %.0f s from the last commit", error, seconds)
    context.progress.phase = "waiting"
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if context.stopping():
            raise Cancelled
        time.sleep(min(0.2, left))


class _Run:
    def __init__(self, context: StreamContext) -> None:
        self.context, self.stream = context, context.stream
        self.full = context.mode == "full"
        self.whole = self.stream.write_mode == "replace" or (self.full and self.stream.write_mode == "append")
        ordered = self.stream.in_cursor_order and self.stream.cursor_field is not None
        # Appended rows would be doubled by a second try that cannot begin where the first one ended.
        self.at_once = self.whole or (self.stream.write_mode == "append" and not ordered)
        self.commits = 0
        self.parts_seen: set[str] = set()
        self.loaded: dict[str, Reached] = {}
        self.had_parts = self.had_pages = False
        self.paged: Reached | None = None
        self.of_records = self.stream.cursor_field is not None
        self.seen = Spool(context.client.scratch) if self.full and self.stream.write_mode == "merge" else None
        with one_transaction() as cursor:
            known = state.since(cursor, context.connector_id, self.stream.name, self.of_records)
        self.since = None if self.full else known
        self.cursor = _Highest(self.stream.cursor_field, ordered)

    def close(self) -> None:
        if self.seen:
            self.seen.close()

    def once(self) -> None:
        """One call of ``read``, from what is committed so far."""
        reached = self.paged or self.cursor.committed or self.since
        since = reached if self.of_records else ({**(self.since or {}), **self.loaded} or None)
        self.take(self.stream.read(self.context.client, since))

    def take(self, source: Iterator[Emitted]) -> None:
        """Commit all that the source emits."""
        self.context.progress.phase = "reading"
        emitted = _Emitted(self.context, source, resumable=not self.at_once)
        while (item := emitted.peek()) is not None:
            if isinstance(item, Part):
                emitted.take()
                self._part(item)
            elif isinstance(item, Gone):
                emitted.take()
                self._gone(item.name)
            elif isinstance(item, Page):
                self._pages(emitted)
            elif isinstance(item, Deleted):
                emitted.take()
                self._deleted(item)
            else:
                self._records(emitted)
            self.commits += 1
        if emitted.retry:
            raise emitted.retry

    def _part(self, part: Part) -> None:
        self.had_parts = True
        self.parts_seen.add(part.name)
        progress = self.context.progress
        progress.part, progress.bytes, progress.bytes_total = part.name, 0, part.size
        if part.cursor is not None and self.stream.write_mode == "append" and not self.full:
            with one_transaction() as cursor:
                if state.has_version(cursor, self.context, part.name, part.cursor):
                    self.context.fence(cursor)
                    return
        load(self.context, Unit(iter(part.batches), part.place, part=(part.name, part.cursor), seen=self.seen))
        self.loaded[part.name] = part.cursor or {}

    def _gone(self, name: str) -> None:
        self.had_parts = True
        table, counts = tables.target(self.stream.target), Counts()
        with one_transaction() as cursor:
            ids = state.retire_parts(cursor, self.context, name)
            table.read(cursor)
            if ids and table.exists and self.stream.write_mode == "replace":
                condition = "_connector_id = %s AND _part = ANY (%s)"
                counts.deleted = delete_rows(cursor, table, condition, [self.context.connector_id, ids])
            total_up(self.context, cursor, counts)

    def _records(self, emitted: _Emitted) -> None:
        size = None if self.at_once else self.stream.batch_size
        first = self.context.counts.read
        items = _batches(emitted, size, self.stream.keep_raw, self.cursor)
        load(
            self.context,
            Unit(
                items,
                partial(_record_place, first),
                clear=self.whole,
                strict=False,
                on_commit=self._save_cursor,
                seen=self.seen,
            ),
        )
        self.cursor.commit()

    def _pages(self, emitted: _Emitted) -> None:
        """Pages up to the batch size in one transaction, the next ones already being fetched."""
        self.had_pages = True
        pages, rows = list[Page](), 0
        while isinstance(item := emitted.peek(), Page) and (not pages or rows + item.batch.num_rows <= self.stream.batch_size):
            emitted.take()
            pages.append(item)
            rows += item.batch.num_rows
        reached = next((page.cursor for page in reversed(pages) if page.cursor is not None), None)
        batches = _joined([page.batch for page in pages])
        keys = [batch.column(batch.schema.get_field_index(self.stream.primary_key[0])) for batch in batches]
        unit = Unit(
            iter(batches),
            partial(_key_place, keys),
            strict=False,
            on_commit=partial(self._save_page_cursor, reached),
            keys=_key_range(keys),
        )
        load(self.context, unit)
        self.paged = reached or self.paged

    def _deleted(self, item: Deleted) -> None:
        """Mark the rows of records that are gone, with the cursor that says so."""
        self.had_pages = True
        table, counts = tables.target(self.stream.target), Counts()
        with one_transaction() as cursor:
            table.read(cursor)
            if table.exists and item.keys:
                constants = self._constants(cursor)
                counts.deleted = merge.mark(cursor, table, self.stream.primary_key[0], item.keys, constants)
            self._save_page_cursor(item.cursor, cursor)
            total_up(self.context, cursor, counts)
        self.paged = item.cursor or self.paged

    def _save_page_cursor(self, reached: Reached | None, cursor: Cursor) -> None:
        if reached is not None:
            state.save_cursor(cursor, self.context, reached)

    def _save_cursor(self, cursor: Cursor) -> None:
        if not self.of_records or self.whole:
            return
        if self.cursor.ordered or self.at_once:
            if self.cursor.value is not None:
                state.save_cursor(cursor, self.context, self.cursor.value)
        else:
            # Not in order of the cursor: what is behind may be lower, so only the end of the stream moves it.
            state.save_cursor(cursor, self.context, self.since)

    def finish(self) -> None:
        """What can only be said once everything was read: the last cursor, parts that are gone, rows that were not seen."""
        context, counts = self.context, Counts()
        if self.full and self.had_parts and self.stream.write_mode == "replace":
            with one_transaction() as cursor:
                gone = state.other_parts(cursor, context, self.parts_seen)
            for name in gone:
                self._gone(name)
        if self.whole and not self.commits and (self.of_records or not self.had_parts):
            self._empty_replace()
        with one_transaction() as cursor:
            if self.seen is not None and self.commits and not self.had_pages:
                counts.deleted = self._tombstones(cursor)
            if self.of_records and self.cursor.value is not None:
                state.save_cursor(cursor, context, self.cursor.value)
            total_up(context, cursor, counts)
        context.progress.phase = "done"

    def _empty_replace(self) -> None:
        """A source that has no record any more: the mirror is empty too."""
        table, counts = tables.target(self.stream.target), Counts()
        with one_transaction() as cursor:
            table.read(cursor)
            if not table.exists or "_part" in table.meta:
                return
            counts.deleted = delete_rows(cursor, table, "_connector_id = %s", [self.context.connector_id])
            total_up(self.context, cursor, counts)

    def _tombstones(self, cursor: Cursor) -> int:
        """Mark rows that this full run did not meet. Not when records were rejected: theirs may be among them."""
        assert self.seen is not None
        table = tables.target(self.stream.target)
        table.read(cursor)
        if self.context.counts.rejected:
            self.context.log.warning("Records were rejected, so rows that are gone at the source are not marked as deleted")
            return 0
        if not table.exists:
            return 0
        names = {name.casefold(): name for name in table.columns}
        key = tuple(names.get(name.casefold(), name) for name in self.stream.primary_key)
        merge.make_stage(cursor, merge.SEEN, {name: table.columns[name] for name in key})
        copier = Copier(cursor, merge.SEEN, table.columns, {})
        try:
            for batch in self.seen.batches():
                copier.add(batch)
        finally:
            copier.finish()
        return merge.tombstone(cursor, table, key, self._constants(cursor))

    def _constants(self, cursor: Cursor) -> dict[str, Constant]:
        return {"_loaded_at": _now(cursor), "_run_id": self.context.run_id, "_connector_id": self.context.connector_id}


def _now(cursor: Cursor) -> datetime:
    row = cursor.execute("SELECT now()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """One batch where all have the same columns: what is done for each batch then happens once."""
    if any(not batch.schema.equals(batches[0].schema, check_metadata=True) for batch in batches):
        return batches
    return list(pa.Table.from_batches(batches).combine_chunks().to_batches()) or batches[:1]


def _key_place(keys: list[pa.Array], row: int) -> str:
    for column in keys:
        if row < len(column):
            return f"id {column[row]}"
        row -= len(column)
    return f"record {row + 1}"


def _key_range(keys: list[pa.Array]) -> tuple[int, int] | None:
    """The lowest and the highest key when they ascend strictly over all pages; None when a key may come twice."""
    column = pa.concat_arrays(keys) if keys else None
    if not column or not pc.all(pc.less(column[:-1], column[1:]), min_count=0).as_py():
        return None
    return column[0].as_py(), column[-1].as_py()


def _record_place(first: int, row: int) -> str:
    return f"record {first + row + 1}"


class _Emitted:
    """The source's iterator with one item of look-ahead; SkipRecord becomes a rejected record."""

    def __init__(self, context: StreamContext, source: Iterator[Emitted], resumable: bool) -> None:
        self._context, self._source, self._resumable = context, source, resumable
        self.retry: Retry | None = None
        """Why the source ended early; what came before is committed first, where a cursor can go on from it."""
        self._next: Emitted | Rejected | None = None

    def peek(self) -> Emitted | Rejected | None:
        """The next item, None at the end."""
        if self._next is None:
            if self._context.stopping():
                raise Cancelled
            self._next = self._pull()
        return self._next

    def take(self) -> None:
        """Go past the item that was peeked at."""
        self._next = None

    def _pull(self) -> Emitted | Rejected | None:
        if self.retry:
            return None
        try:
            return next(self._source, None)
        except Retry as error:
            if not self._resumable:
                raise
            self.retry = error
            return None
        except SkipRecord as skipped:
            if isinstance(self._source, GeneratorType) and getgeneratorstate(self._source) == GEN_CLOSED:
                raise StopStream(
                    f"{skipped.place}: {skipped} (SkipRecord raised in a generator ends it: the source must read as an iterator)"
                ) from skipped
            return Rejected(skipped.place, str(skipped), skipped.raw)


def _batches(emitted: _Emitted, size: int | None, keep_raw: bool, highest: _Highest) -> Iterator[pa.RecordBatch | Rejected]:
    """Batches of up to ``size`` records (None: all that come before a part)."""
    left, waiting = size, list[Record]()
    while left is None or left > 0:
        item = emitted.peek()
        if item is None or isinstance(item, Part | Gone | Page | Deleted):
            break
        emitted.take()
        left = None if left is None else left - 1
        if isinstance(item, Rejected):
            yield item
            continue
        highest.see(item)
        waiting.append(item)
        if len(waiting) >= CHUNK:
            yield to_batch(waiting, keep_raw)
            waiting = []
    if waiting:
        yield to_batch(waiting, keep_raw)


class _Highest:
    """The highest cursor value met. ``ordered``: the source says that records come in its order, and so they did."""

    def __init__(self, name: str | None, ordered: bool) -> None:
        self.name, self.ordered = name, ordered
        self.committed: Reached | None = None
        self._value: Any = None
        self._last: Any = None

    def see(self, record: Record) -> None:
        """Take a record's value into account."""
        value = record.get(self.name) if self.name else None
        if value is None:
            return
        if self._last is not None and value < self._last:
            self.ordered = False
        self._last = value
        if self._value is None or value > self._value:
            self._value = value

    @property
    def value(self) -> Reached | None:
        """The cursor as JSON, None when no record had one."""
        return None if self._value is None or self.name is None else {self.name: _plain(self._value)}

    def commit(self) -> None:
        """The rows up to here are committed."""
        self.committed = self.value if self.ordered else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
