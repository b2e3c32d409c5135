"""The cursor of a stream of records: the highest value of its cursor field."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.contract import Cursor as Reached
from connectors.contract import Record


class Highest:
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
