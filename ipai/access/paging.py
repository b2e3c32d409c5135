"""Lists: keyset paging and documented orders, and an answer of 400 to anything else.

REST framework's own cursor counts offsets among equal values and loses its way back among many of them; here the
id always decides, so a page is one index range however long the list is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ipai.access.filters import in_utc
from ipai.access.problems import invalid

if TYPE_CHECKING:
    from rest_framework.views import APIView

PAGE = 50
LONGEST_PAGE = 200


class Pages(BasePagination):
    """``?limit=`` (1 to 200, 50 unless told) and ``?cursor=``; the body is ``{"next", "previous", "results"}``.

    The columns ordered by must not be NULL.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page; remembers what the links need."""
        size = _size(request)
        self.request, self.order = request, _with_id(queryset)
        given = request.query_params.get("cursor")
        back, values = _decode(given, self.order, queryset) if given else (False, None)
        if values is not None:
            queryset = queryset.filter(_beyond(self.order, values, back=back))
        order = [_turned(name) for name in self.order] if back else self.order
        rows = list(queryset.order_by(*order)[: size + 1])
        more, self.rows = len(rows) > size, rows[:size]
        if back:
            self.rows.reverse()
        self.has_next, self.has_previous = (True, more) if back else (more, values is not None)
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        """The page with the addresses of its neighbours; None where there is none."""
        after = self._link(self.rows[-1], back=False) if self.rows and self.has_next else None
        before = self._link(self.rows[0], back=True) if self.rows and self.has_previous else None
        return Response({"next": after, "previous": before, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For the description of the API."""
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": ["next", "previous", "results"], "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """For the description of the API."""
        limit = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE}
        return [
            {"in": "query", "name": "limit", "schema": limit, "description": "How many on a page."},
            {"in": "query", "name": "cursor", "schema": {"type": "string"}, "description": "From next or previous."},
        ]

    def _link(self, row: Any, *, back: bool) -> str:
        values = [getattr(row, name.removeprefix("-")) for name in self.order]
        plain = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
        cursor = base64.urlsafe_b64encode(json.dumps([int(back), *plain]).encode()).decode().rstrip("=")
        return str(replace_query_param(self.request.build_absolute_uri(), "cursor", cursor))


class StrictOrdering(OrderingFilter):
    """``?ordering=name`` or ``-name``; a name that is not offered is an error."""

    def remove_invalid_fields(self, queryset: QuerySet[Any], fields: Any, view: APIView, request: Request) -> list[str]:
        offered: Sequence[str] = view.ordering_fields  # type: ignore[attr-defined]
        if any(field.removeprefix("-") not in offered for field in fields):
            raise invalid({"ordering": f"This list can be ordered by {', '.join(offered)}, each with - for descending"})
        return list(fields)


def _size(request: Request) -> int:
    given = request.query_params.get("limit", str(PAGE))
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= LONGEST_PAGE):
        raise invalid({"limit": f"A limit is a number from 1 to {LONGEST_PAGE}"})
    return int(given)


def _with_id(queryset: QuerySet[Any]) -> list[str]:
    """The order of the list, made unambiguous by the id."""
    order = [str(name) for name in queryset.query.order_by]
    if not {"id", "-id"} & set(order):
        order.append("-id" if order and order[0].startswith("-") else "id")
    return order


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _decode(cursor: str, order: Sequence[str], queryset: QuerySet[Any]) -> tuple[bool, list[Any]]:
    """Direction and the values of the row that the page begins after."""
    try:
        back, *texts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        usable = all(isinstance(text, str) and "\x00" not in text for text in texts)
        if back not in (0, 1) or len(texts) != len(order) or not usable:
            raise ValueError(cursor)
        fields = [queryset.model._meta.get_field(name.removeprefix("-")) for name in order]
        values = [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
        values = [in_utc(value) if isinstance(value, datetime) else value for value in values]
        if any(isinstance(value, int) and abs(value) > 2**62 for value in values):
            raise ValueError(cursor)
        return bool(back), values
    except (ValueError, TypeError, ValidationError, RecursionError, OverflowError):
        raise invalid({"cursor": "This is not a cursor of this list; take it from next or previous"}) from None


def _beyond(order: Sequence[str], values: Sequence[Any], *, back: bool) -> Q:
    """Rows after (or before) the one with these values: ``a > x or (a = x and b > y)``."""
    found, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        column = name.removeprefix("-")
        smaller = name.startswith("-") != back
        found |= equal & Q(**{f"{column}__{'lt' if smaller else 'gt'}": value})
        equal &= Q(**{column: value})
    return found
