"""Query parameters of the DevOps figures: how each is read, and what the description of the API says of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from ipai.access.filters import in_utc

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, slots=True)
class Parameter:
    """``read`` raises ValueError with what is wanted."""

    name: str
    description: str
    read: Callable[[str], Any]
    enum: tuple[str, ...] = ()

    def described(self) -> OpenApiParameter:
        return OpenApiParameter(self.name, str, description=self.description, enum=self.enum or None)


def text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("No value holds a NUL character")
    return value


def number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise ValueError("Give a whole number")
    return int(value)


def identifier(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("Give an id like 0b0e7a52-93b4-4d83-9a35-5a1c3f5ed0a4") from None


def yes_or_no(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("Give true or false")
    return value == "true"


def month(value: str) -> str:
    """A month, also that of a date: ``2026-01``."""
    return month_or_day(value)[:7]


def month_or_day(value: str) -> str:
    """A month or a date, as the periods of figures are written: ``2026-01``, ``2026-01-31``."""
    if MONTH.fullmatch(value):
        return value
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("Give a month like 2026-01, or a date") from None


def begin(value: str) -> datetime:
    """The instant at which a month, an ISO week, a day or an instant begins, in UTC."""
    return _span(value)[0]


def end(value: str) -> datetime:
    """The instant at which a month, a week or a day is over; an instant itself."""
    return _span(value)[1]


def _span(value: str) -> tuple[datetime, datetime]:
    try:
        if found := MONTH.fullmatch(value):
            first = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
            return first, (first + timedelta(days=32)).replace(day=1)
        if found := WEEK.fullmatch(value):
            first = datetime.fromisocalendar(int(found[1]), int(found[2]), 1).replace(tzinfo=UTC)
            return first, first + timedelta(days=7)
        at = datetime.fromisoformat(value)
        at = in_utc(at if at.tzinfo else at.replace(tzinfo=UTC))
        return at, at + timedelta(days=1) if len(value) == len("2026-01-31") else at
    except (ValueError, OverflowError):
        wanted = "Give a month (2026-01), a week (2026-W05), a date (2026-01-31) or an instant (2026-01-31T10:00:00Z)"
        raise ValueError(wanted) from None


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader for a closed list."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"Give one of {', '.join(choices)}")
        return value

    return read


REPOSITORY = Parameter("repository", "Owner and name, e.g. octo/portal.", text)
CONNECTOR = Parameter(
    "connector", "A connector's id, as in connector_id: two connectors may read repositories of one name.", identifier
)
WORKFLOW = Parameter("workflow", "A workflow's name, e.g. CI.", text)
FROM_MONTH = Parameter("from", "The first month, e.g. 2026-01.", month)
TO_MONTH = Parameter("to", "The last month, which is included.", month)
FROM_DAY = Parameter("from", "The first month or, by day, the first day, e.g. 2026-01-31.", month_or_day)
TO_DAY = Parameter("to", "The last month or, by day, the last day, which is included.", month_or_day)
FROM = Parameter("from", "Created at or after: a month, a week, a date or an instant, UTC.", begin)
TO = Parameter("to", "Created before the end of a month, week or date, or before an instant, UTC.", end)
ENVIRONMENT = Parameter("environment", "An environment's name, e.g. production.", text)
