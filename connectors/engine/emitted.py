"""What a source emits, one item ahead: the end of its data is told from a retry, a cancellation and a record that it skips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import GEN_CLOSED, getgeneratorstate
from types import GeneratorType

import pyarrow as pa

from connectors.contract import Deleted, Emitted, Gone, Page, Part, Record, Rejected, Retry, SkipRecord, StopStream
from connectors.engine.context import StreamContext
from connectors.engine.cursors import Highest
from connectors.engine.errors import Cancelled
from connectors.engine.records import to_batch

CHUNK = 1_000
"""Records per Arrow batch."""


class Heard:
    """``stopping`` for a source, which may end its reading when it hears yes: then the end is not the end of the data."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping, self.yes = stopping, False

    def __call__(self) -> bool:
        self.yes = self.yes or self._stopping()
        return self.yes


class Lookahead:
    """The source's iterator with one item of look-ahead; SkipRecord becomes a rejected record.

    Cancelled is raised when there is more to read: a run that was cancelled after its last record has done all it was to do.
    """

    def __init__(self, context: StreamContext, source: Iterator[Emitted], heard: Heard, resumable: bool) -> None:
        self._context, self._source, self._heard, self._resumable = context, source, heard, resumable
        self.retry: Retry | None = None
        """Why the source ended early; what came before is committed first, where a cursor can go on from it."""
        self._next: Emitted | Rejected | None = None

    def peek(self) -> Emitted | Rejected | None:
        """The next item, None at the end."""
        if self._next is None:
            self._next = self._pull()
            if self._heard.yes:
                raise Cancelled
            if self._next is not None:
                self._context.check_stop()
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
        except StopStream:
            self._context.check_stop()
            raise
        except SkipRecord as skipped:
            if isinstance(self._source, GeneratorType) and getgeneratorstate(self._source) == GEN_CLOSED:
                raise StopStream(
                    f"{skipped.place}: {skipped} (SkipRecord raised in a generator ends it: the source must read as an iterator)"
                ) from skipped
            return Rejected(skipped.place, str(skipped), skipped.raw)


def batches(emitted: Lookahead, size: int | None, keep_raw: bool, highest: Highest) -> Iterator[pa.RecordBatch | Rejected]:
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
