"""A fake Odoo with the books of a made-up company: for the demo in-process, for tests behind a loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import Call, FakeOdoo
from connectors.demo.odoo.store import Store, utcnow

__all__ = ["app"]

building = threading.Lock()


@lru_cache(maxsize=2)
def store_at(hour: datetime) -> Store:
    """The demo company at the beginning of an hour; shared, so nobody may change it."""
    return demo_store(hour)


def app(now: Callable[[], datetime] = utcnow) -> FakeOdoo:
    """The demo's Odoo, whose books follow the clock ``now`` (aware) by the hour: every process shows the same ones."""

    def current() -> Store:
        with building:
            return store_at(now().replace(minute=0, second=0, microsecond=0))

    fake = FakeOdoo(current())

    def follow(call: Call) -> None:
        fake.calls.clear()
        fake.store = current()

    fake.before.append(follow)
    return fake
