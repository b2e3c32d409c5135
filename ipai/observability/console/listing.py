"""What every list shares: filter chips with counts, and paging by key so that a million rows stay fast."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
PAGE = 50


@dataclass(frozen=True, slots=True)
class Chip:
    """One choice of a filter: its count, and the address that chooses it (or lets go of it)."""

    label: str
    value: str
    count: int | None
    active: bool
    url: str


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of a list and the addresses of its neighbours (None: there is none)."""

    rows: list[Row]
    before: str | None
    after: str | None


def address(request: HttpRequest, **changes: str | None) -> str:
    """This list's address with other parameters; paging starts over unless it is what changes."""
    params = request.GET.copy()
    for name in ("before", "after", "page"):
        params.pop(name, None)
    for name, value in changes.items():
        params.pop(name, None)
        if value:
            params[name] = value
    return f"?{params.urlencode()}"


def chips(request: HttpRequest, param: str, choices: Iterable[tuple[str, str, int | None]], everything: str = "All") -> list[Chip]:
    """Chips for one parameter from ``(value, label, count)``; the first chip is the whole list."""
    current = request.GET.get(param, "")
    listed = list(choices)
    counts = [count for _, _, count in listed if count is not None]
    total = sum(counts) if len(counts) == len(listed) else None
    first = Chip(everything, "", total, not current, address(request, **{param: None}))
    return [first] + [
        Chip(label, value, count, current == value, address(request, **{param: value})) for value, label, count in listed
    ]


def keyset(queryset: QuerySet[Row], request: HttpRequest, *fields: str, size: int = PAGE) -> Slice[Row]:
    """A page of ``queryset`` in the order of ``fields`` (all descending with ``-``, or all ascending).

    ``?after=`` and ``?before=`` carry the last and first key of the page that was left, so no row is counted or skipped over.
    """
    down = fields[0].startswith("-")
    names = [field.lstrip("-") for field in fields]
    after, before = _decode(request.GET.get("after")), _decode(request.GET.get("before"))
    back = before is not None and after is None
    key = before if back else after
    if key is not None and len(key) == len(names):
        queryset = queryset.filter(_beyond(names, key, smaller=down is not back))
    order = [f"-{name}" if down is not back else name for name in names]
    rows = list(queryset.order_by(*order)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if back:
        rows.reverse()
    has_before = more if back else key is not None
    has_after = True if back else more
    get = _key_of(names)
    return Slice(
        rows,
        address(request, before=get(rows[0])) if rows and has_before else None,
        address(request, after=get(rows[-1])) if rows and has_after else None,
    )


def _beyond(names: Sequence[str], key: Sequence[Any], *, smaller: bool) -> Q:
    """Rows past a key. The first term alone is a range that an index serves."""
    sign = "lt" if smaller else "gt"
    if len(names) == 1:
        return Q(**{f"{names[0]}__{sign}": key[0]})
    first, rest = names[0], _beyond(names[1:], key[1:], smaller=smaller)
    return Q(**{f"{first}__{sign}e": key[0]}) & (Q(**{f"{first}__{sign}": key[0]}) | rest)


def _key_of(names: Sequence[str]) -> Callable[[Model], str]:
    def encode(row: Model) -> str:
        values = [getattr(row, name) for name in names]
        plain = [
            value.isoformat() if isinstance(value, datetime) else value if isinstance(value, int) else str(value)
            for value in values
        ]
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()

    return encode


def _decode(value: str | None) -> list[Any] | None:
    """The key in a cursor; None for a cursor that somebody made up."""
    if not value:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(value))
    except ValueError:
        return None
    return key if isinstance(key, list) else None
