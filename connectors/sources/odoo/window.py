"""When a record must have been seen: stamps of Odoo, the clocks of both hosts, and transactions that take long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.sources.odoo.reader import stamp, written

SKEW = timedelta(hours=1)
"""How far Odoo's stamps, which its database makes, may be from the clock that its server tells."""


@dataclass(frozen=True)
class Pace:
    """How a stream reads."""

    page_size: int = 2_000
    concurrency: int = 2
    overlap: timedelta = timedelta(minutes=30)
    """Longer than the longest transaction: its records carry the stamp of its start."""
    ids_every: timedelta = timedelta(hours=24)

    def settled(self, stamped: datetime, read: datetime | None, ahead: timedelta) -> bool:
        """Whether a record with this stamp, read at that time of this host, was read after every transaction of that second
        had ended. Odoo's clock is so far ``ahead``.
        """
        return read is not None and read + ahead >= stamped + self.overlap + SKEW

    def begin(self, newest: str, settled_at: datetime | None, ahead: timedelta) -> str:
        """The first stamp that may be new: from the overlap before the newest one on, or behind that where it is settled."""
        moment = stamp(newest)
        assert moment is not None
        settled = self.settled(moment, settled_at, ahead)
        return written(moment + timedelta(seconds=1) if settled else moment - self.overlap)


def moment(text: Any) -> datetime | None:
    """A time of this host as the cursor holds it."""
    return datetime.fromisoformat(text) if text else None
