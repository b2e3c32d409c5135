"""Journal items behind a figure and open items behind an age, each with its document in Odoo; also as a part of another page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from finance import items
from finance.api.parameters import a_place, cursor_of
from finance.definitions import BUCKETS, KINDS, RESULT, TYPES
from finance.items import Place
from finance.pages.common import Books, a_day, a_word, day_of, days_of, shown
from finance.periods import Period
from finance.proof import proof
from finance.scope import Company, Group
from ipai.access.problems import Problem
from ipai.observability.console import records
from ipai.observability.console.listing import address
from ipai.observability.console.pages import page

ROWS, ROWS_INSIDE = 100, 25
"""Rows of a page, and of a line that opens on another one."""
DOCUMENTS = "ipai_bronze_erp.invoices"
Row = dict[str, Any]


@page("finance/items/", "finance_items", action="view_finance", top=True)
@shown("finance/items.html", "Journal items")
def journal_items(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """An account of one company in some days: what it began with, each item, what it ended with."""
    company, account = books.chosen[0], _number(request, "account")
    if len(books.chosen) != 1 or account is None:
        raise Http404("Journal items are those of one account of one company")
    last = a_day(request, "to", books.today)
    first = min(a_day(request, "from", company.fiscal_year_start(last)), last)
    sums = items.account_sums(cursor, company, account, first, last)
    if sums is None:
        raise Http404("There is no such account")
    only_cash, most = request.GET.get("cash") == "true", _most(request)
    rows = items.items_behind(cursor, company, account, first, last, only_cash=only_cash, after=_after(request), limit=most + 1)
    more = rows[most - 1] if len(rows) > most else None
    context = {
        "entries": _proven(cursor, books, [company]),
        "rows": linked(rows[:most]),
        "is_carried": sums["account_type"] not in RESULT,
        "company": company,
        "account": sums | {"type": TYPES.get(sums["account_type"], sums["account_type"])},
        "closing": sums["opening"] + sums["debit"] - sums["credit"],
        "only_cash": only_cash,
        "when": days_of(Period(first, last)),
        "first": first,
        "last": last,
        "next": more and address(request, after=f"{more['date']}_{more['item_id']}"),
        "continued": "after" in request.GET,
        "whole_page": address(request, after=None),
    }
    return _part(request, "finance/items_table.html", context) or context


@page("finance/open-items/", "finance_open_items", action="view_finance", top=True)
@shown("finance/open_items.html", "Open items")
def open_items(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """What was open on a day: of a partner, of an age, or all of it, the longest due first."""
    kind, day = a_word(request, "kind", tuple(KINDS)), a_day(request, "as_of", books.today)
    bucket, partner = a_word(request, "bucket", BUCKETS), _number(request, "partner")
    most, asked, documents = _most(request), _asked(request, books), request.GET.get("documents") or None
    found = items.open_items(
        cursor,
        asked,
        day,
        (kind,) if kind else tuple(KINDS),
        partner=partner,
        bucket=bucket or None,
        currency=documents,
        only_invoices=request.GET.get("only") == "invoices",
        after=_place(request),
        limit=most + 1,
    )
    rows = linked(found[:most])
    context = {
        "entries": _proven(cursor, books, asked),
        "rows": rows,
        "totals": _totals(rows, documents),
        "documents": documents,
        "kind": kind,
        "bucket": bucket,
        "partner": rows[0]["partner"] if rows and partner else "",
        "no_partner": partner == 0,
        "when": day_of(day),
        "next": address(request, cursor=cursor_of(found[ROWS - 1])) if len(found) > ROWS else None,
        "continued": "cursor" in request.GET,
        "whole_page": address(request, cursor=None),
    }
    return _part(request, "finance/open_items_table.html", context) or context


def inside(request: HttpRequest) -> bool:
    """Whether a line of another page asks."""
    return request.headers.get("HX-Request") == "true"


def _most(request: HttpRequest) -> int:
    return ROWS_INSIDE if inside(request) else ROWS


def _part(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse | None:
    """Only the rows, for a line that opens on another page."""
    if not inside(request):
        return None
    answer = TemplateResponse(request, template, {**context, "inside": True})
    answer["Vary"] = "HX-Request"
    return answer.render()


def _asked(request: HttpRequest, books: Books) -> Sequence[Company]:
    """The chosen companies, narrowed to a connector or to those of one currency."""
    connector, currency = request.GET.get("connector"), request.GET.get("currency_of")
    return [one for one in books.chosen if connector in (None, "", one.connector) and currency in (None, "", one.currency)]


def linked(rows: Sequence[Row]) -> list[Row]:
    """The rows with the way to each document."""
    keys = [(UUID(row["connector_id"]), row["move_id"]) for row in rows]
    found = records.links(DOCUMENTS, ("_connector_id", "id"), keys)
    return [row | {"record": link} for row, link in zip(rows, found, strict=True)]


def _proven(cursor: CursorWrapper, books: Books, asked: Sequence[Company]) -> list[Row]:
    """What the band says of these companies."""
    return [{"proof": proof(cursor, Group("", 2, asked))}] if asked else []


def _totals(rows: Sequence[Row], documents: str | None) -> list[tuple[str, str]]:
    """``(currency, sum)`` of what is open in the companies' currencies, or in that of the documents; text keeps its decimals."""
    name = "residual_currency" if documents else "residual"
    sums: dict[str, Decimal] = {}
    for row in rows:
        currency = documents or row["company_currency"]
        sums[currency] = sums.get(currency, Decimal(0)) + Decimal(row[name])
    return [(currency, f"{amount:f}") for currency, amount in sums.items()]


def _number(request: HttpRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _after(request: HttpRequest) -> tuple[date, int] | None:
    """The item that a page of journal items begins after."""
    day, _, item = request.GET.get("after", "").partition("_")
    try:
        return (date.fromisoformat(day), int(item)) if len(item) < 16 else None
    except ValueError:
        return None


def _place(request: HttpRequest) -> Place | None:
    try:
        return a_place({name: request.GET[name] for name in ("cursor",) if name in request.GET})
    except Problem:
        return None
