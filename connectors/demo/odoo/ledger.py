"""A made-up small company that keeps living: the same past for every later moment, new documents as time goes on.

Events are worked off in the order of time, and what an event does depends on nothing but the events before it. So the
ledger at a moment is the beginning of the ledger at any later one: the same ids, values and stamps.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from connectors.demo.odoo import chart, payers, plan
from connectors.demo.odoo.bank import Bank
from connectors.demo.odoo.books import Books
from connectors.demo.odoo.store import Store

START = datetime(2025, 1, 1, tzinfo=UTC)
SEED = 2025


class Ledger:
    """The company, its clock and what is still to happen."""

    def __init__(self) -> None:
        self.at = START
        self.random = random.Random(SEED)  # noqa: S311  (made-up data, no cryptography)
        self.store = Store(now=lambda: self.at)
        self.books = Books(self.store, chart.make(self.store))
        self.bank = Bank(self.books)
        self.manners = itertools.cycle(payers.MANNERS)
        self._events: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def on(self, day: date, action: Callable[[], object], hour: float | None = None) -> None:
        """Let something happen on a day, at an office hour unless one is given; never before now."""
        seconds = 3600 * (hour if hour is not None else self.random.uniform(8, 17))
        at = datetime.combine(day, time(), UTC) + timedelta(seconds=seconds, microseconds=self.random.randrange(1_000_000))
        heapq.heappush(self._events, (max(at, self.at), next(self._numbers), action))

    def month(self, first: date) -> None:
        """A month begins: its rate is known, its documents are planned, and so is the next month."""
        rate = round(1.09 + 0.04 * math.sin(first.month + first.year) + self.random.uniform(-0.01, 0.01), 6)
        self.books.rates[f"{first:%Y-%m}"] = rate
        company, dollar = self.books.chart.company, self.books.chart.currencies["USD"]
        values = {"name": first.isoformat(), "currency_id": dollar, "company_id": company, "rate": rate, "company_rate": rate}
        self.store.create("res.currency.rate", values | {"inverse_company_rate": 1 / rate})
        self.store.write("res.currency", dollar, {"rate": rate})
        plan.month(self, first)
        following = (first + timedelta(days=31)).replace(day=1)
        self.on(following, lambda: self.month(following), hour=0.1)

    def run(self, until: datetime) -> None:
        """Let everything up to a moment happen."""
        while self._events and self._events[0][0] <= until:
            self.at, _, action = heapq.heappop(self._events)
            action()


def demo_store(now: datetime) -> Store:
    """The demo company's books as they stand at ``now`` (aware). Its clock stays there until it is set."""
    ledger = Ledger()
    plan.opening(ledger)
    ledger.month(START.date())
    ledger.run(now)
    store = ledger.store
    store.now = lambda: now
    return store
