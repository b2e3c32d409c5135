"""What may stand after the question mark of the finance routes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter

from finance.items import Place
from ipai.access.problems import invalid

FORMATS = ("json", "csv", "xlsx")
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 12, 31)
LONGEST_PAGE = 1000


def described(name: str, text: str, choices: Sequence[str] = (), kind: type = str) -> OpenApiParameter:
    """A parameter for the description of the API."""
    return OpenApiParameter(name, kind, description=text, enum=list(choices) or None)


SCOPE = (
    described("company", "A company's id in Odoo. Without it, all companies; those of one currency are added up.", kind=int),
    described("connector", "A connector's name or id, where several load a ledger."),
    described("currency", "A currency's code: everything converted into it at the rates of the last day."),
)
AS_OF = described("as_of", "The day at whose end the figures hold; today unless told.", kind=date)
RANGE = (
    described("from", "The first day; that of the fiscal year of `to` unless told.", kind=date),
    described("to", "The last day; today unless told.", kind=date),
)
FORMAT = described("format", "How to answer; json unless told.", FORMATS)


def a_date(given: Mapping[str, str], name: str, default: date) -> date:
    """An ISO 8601 date."""
    text = given.get(name)
    if text is None:
        return default
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= LATEST:
        raise invalid({name: "A date looks like 2026-01-31"})
    return day


def a_number(given: Mapping[str, str], name: str) -> int | None:
    """An id."""
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise invalid({name: "This is the number of a record in Odoo"})
    return int(text)


def a_choice(given: Mapping[str, str], name: str, choices: Sequence[str], default: str | None = None) -> str | None:
    """One of these words."""
    text = given.get(name, default)
    if text is not None and text not in choices:
        raise invalid({name: f"There is {', '.join(choices)}"})
    return text


def a_text(given: Mapping[str, str], name: str) -> str | None:
    """Any text that the database can hold."""
    text = given.get(name)
    if text is not None and ("\x00" in text or len(text) > 200):
        raise invalid({name: "There is nothing of this name"})
    return text


def a_limit(given: Mapping[str, str], default: int = 100) -> int:
    """How many rows a page has."""
    text = given.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LONGEST_PAGE):
        raise invalid({"limit": f"A limit is a number from 1 to {LONGEST_PAGE}"})
    return int(text)


def a_place(given: Mapping[str, str]) -> Place | None:
    """Where a page begins, from ``next`` of the one before."""
    text = given.get("cursor")
    if text is None:
        return None
    try:
        due, connector, item = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(item, int) or abs(item) > 2**62:
            raise ValueError(text)
        return Place(date.fromisoformat(due), UUID(connector), item)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise invalid({"cursor": "This is not a cursor of this list; take it from next"}) from None


def cursor_of(row: Mapping[str, Any]) -> str:
    """The cursor of what follows this row."""
    due = row["due"] if isinstance(row["due"], str) else row["due"].isoformat()
    return base64.urlsafe_b64encode(json.dumps([due, row["connector_id"], row["item_id"]]).encode()).decode().rstrip("=")
