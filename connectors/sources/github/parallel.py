"""Work on several things at once, with results in bounded number as they come."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from connectors.contract import Client
from connectors.sources.github.api import Missing

Item = TypeVar("Item")
Result = TypeVar("Result")
PATIENCE = 0.2
IDLE_SECONDS = 10.0


def each(
    items: Sequence[Item], work: Callable[[Item], Iterator[Result]], threads: int, client: Client
) -> Iterator[tuple[Item, Result | Missing] | None]:
    """Every result of every item, those of one item in order; None when there was none for a while.

    Missing ends one item; any other error ends all and is raised.
    """
    waiting = deque(items)
    results: queue.Queue[tuple[Item, Result | Missing] | BaseException | None] = queue.Queue(2 * threads)
    ended = threading.Event()

    def put(result: tuple[Item, Result | Missing] | BaseException | None) -> None:
        while not ended.is_set():
            with suppress(queue.Full):
                results.put(result, timeout=PATIENCE)
                return

    def run() -> None:
        try:
            while waiting and not ended.is_set() and not client.stopping():
                try:
                    item = waiting.popleft()
                except IndexError:  # another thread was faster
                    break
                try:
                    for result in work(item):
                        put((item, result))
                        if ended.is_set() or client.stopping():
                            return
                except Missing as error:
                    put((item, error))
        except BaseException as error:  # raised where the results are read
            put(error)
        finally:
            put(None)

    running = [threading.Thread(target=run, daemon=True, name=f"github-{number}") for number in range(min(threads, len(waiting)))]
    for thread in running:
        thread.start()
    left = len(running)
    try:
        while left:
            try:
                result = results.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield None
                continue
            if result is None:
                left -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result
    finally:
        ended.set()
