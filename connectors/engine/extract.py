"""A stream from its first record to its last commit: what the source emits is grouped into transactions.

A part is a transaction. Records are one per ``batch_size``, or one in all for write mode replace and for append
that is full or not in cursor order, which could double rows otherwise.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from connectors.contract import Client, Deleted, Emitted, Gone, Page, Part, Rejected, Retry, StopStream
from connectors.contract import Cursor as Reached
from connectors.engine import merge, state, tables
from connectors.engine.context import Counts, StreamContext
from connectors.engine.copying import Copier
from connectors.engine.cursors import Highest
from connectors.engine.emitted import Heard, Lookahead, batches
from connectors.engine.encode import Constant
from connectors.engine.load import Unit, load
from connectors.engine.pages import Pages
from connectors.engine.prove import prove
from connectors.engine.spool import Spool
from connectors.engine.tables import Cursor
from connectors.engine.transact import delete_rows, one_transaction, total_up

ATTEMPTS = 5
LONGEST_WAIT = 300.0


def run_stream(context: StreamContext) -> Counts:
    """Run the stream to its end; its counts. Raises SourceError, EngineError, or Django's OperationalError."""
    with _calm_collector():
        run = _Run(context)
        try:
            if not context.settling:
                _to_the_end(context, run.once, run)
                run.finish()
            prove(context, lambda emitted: _to_the_end(context, lambda: run.take(lambda _: emitted()), run))
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
        context.check_stop()
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
        self.failed: dict[str, StopStream] = {}
        self.loaded: dict[str, Reached] = {}
        self.had_parts = self.had_pages = False
        self.paged: Reached | None = None
        self.of_records = self.stream.cursor_field is not None
        self.seen = Spool(context.client.scratch) if self.full and self.stream.write_mode == "merge" else None
        with one_transaction() as cursor:
            known = state.since(cursor, context.connector_id, self.stream.name, self.of_records)
        self.saved = known
        self.since = None if self.full else known
        self.cursor = Highest(self.stream.cursor_field, ordered)

    def close(self) -> None:
        if self.seen:
            self.seen.close()

    def once(self) -> None:
        """One call of ``read``, from what is committed so far."""
        reached = self.paged or self.cursor.committed or self.since
        since = reached if self.of_records else ({**(self.since or {}), **self.loaded} or None)
        self.take(lambda client: self.stream.read(client, since))

    def take(self, read: Callable[[Client], Iterator[Emitted]]) -> None:
        """Commit all that the source emits."""
        self.context.progress.phase = "reading"
        heard = Heard(self.context.stopping)
        source = read(replace(self.context.client, stopping=heard, say=self._say, saved=self.saved))
        emitted = Lookahead(self.context, source, heard, resumable=not self.at_once)
        while (item := self._next(emitted)) is not None:
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

    def _next(self, emitted: Lookahead) -> Emitted | Rejected | None:
        with self.context.timed("extract"):
            return emitted.peek()

    def _say(self, phase: str) -> None:
        self.context.progress.phase = phase

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
        try:
            load(self.context, Unit(iter(part.batches), part.place, part=(part.name, part.cursor), seen=self.seen))
        except StopStream as error:  # nothing of this part; the ones that follow do not depend on it
            self.context.check_stop()
            self.context.log.error("%s", error)
            self.failed[part.name] = error
            return
        self.failed.pop(part.name, None)
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

    def _pages(self, emitted: Lookahead) -> None:
        """Pages up to the batch size in one transaction."""
        self.had_pages = True
        pages = Pages(emitted, self.stream.batch_size, self.stream.primary_key)
        load(
            self.context,
            Unit(
                iter(pages),
                pages.place,
                strict=False,
                on_commit=lambda cursor: self._save_page_cursor(pages.cursor, cursor),
                first_key=pages.first,
            ),
        )
        self.paged = pages.cursor or self.paged

    def _deleted(self, item: Deleted) -> None:
        """Mark the rows of records that are gone, with the cursor that says so."""
        self.had_pages = True
        table, counts = tables.target(self.stream.target), Counts()
        with one_transaction() as cursor:
            table.read(cursor)
            if table.exists and item.keys:
                counts.deleted = merge.mark(cursor, table, self.stream.primary_key, item.keys, self._constants(cursor))
            self._save_page_cursor(item.cursor, cursor)
            total_up(self.context, cursor, counts)
        self.paged = item.cursor or self.paged

    def _save_page_cursor(self, reached: Reached | None, cursor: Cursor) -> None:
        if reached is not None:
            state.save_cursor(cursor, self.context, reached)

    def _records(self, emitted: Lookahead) -> None:
        size = None if self.at_once else self.stream.batch_size
        first = self.context.counts.read
        items = batches(emitted, size, self.stream.keep_raw, self.cursor)
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
        if self.full and self.had_parts and self.stream.write_mode == "replace" and not self.failed:
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
        if self.failed:
            raise _failure(self.failed, len(self.parts_seen))
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
        if self.context.counts.rejected or self.failed:
            self.context.log.warning("Not all records were loaded, so rows that are gone at the source are not marked as deleted")
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


SHOWN = 5
"""Parts that failed, as many as an error names."""


def _failure(failed: Mapping[str, StopStream], parts: int) -> StopStream:
    """One error for the parts that could not be loaded: the only one's own, or how many and the first of them."""
    errors = list(failed.values())
    if len(errors) == 1 and parts == 1:
        return errors[0]
    more = f"; and {len(errors) - SHOWN} more: see the log" if len(errors) > SHOWN else ""
    return StopStream(f"{len(errors)} of {parts} could not be loaded: {'; '.join(map(str, errors[:SHOWN]))}{more}")


def _now(cursor: Cursor) -> datetime:
    row = cursor.execute("SELECT now()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def _record_place(first: int, row: int) -> str:
    return f"record {first + row + 1}"
