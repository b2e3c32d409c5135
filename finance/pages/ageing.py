"""Who owes what, since when: buckets, partners by how much is overdue, and the open items behind each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from finance import queries
from finance.api.exports import export
from finance.definitions import BUCKETS, KINDS, LATE
from finance.pages.common import Books, a_word, day_of, export_form, shown
from finance.pages.overview import SHADES
from finance.pages.ranges import a_balance_day, controls
from ipai.observability.console.listing import Chip, address
from ipai.observability.console.pages import NavItem, page

Entry = dict[str, Any]
PARTNERS = 200
"""Partners on a page; a search finds the others, a file has all."""
SIDES = {"receivable": "Customers", "payable": "Vendors"}


@page("finance/ageing/", "finance_ageing", action="view_finance", nav=NavItem("Finance", "Ageing", "schedule", 6), top=True)
@shown("finance/ageing.html", "Ageing")
def ageing(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any] | HttpResponse:
    """Receivables or payables on a day, those most overdue first."""
    kind = a_word(request, "kind", tuple(KINDS), "receivable")
    day, only = a_balance_day(request, books), request.GET.get("only") == "invoices"
    documents = request.GET.get("documents") or None
    groups = books.groups(cursor, day)
    entries = queries.aging(cursor, groups, kind, day, only_invoices=only, documents=documents)
    form = export_form(request)
    if form:
        return export(form, f"aging-{kind}", entries)
    words = request.GET.get("q", "").strip().casefold()
    coins = sorted({code for entry in entries for code in entry["currencies"] if code} | ({documents} if documents else set()))
    return {
        "entries": entries,
        "parts": [_part(request, entry, books, kind, words) | {"number_text": str(place)} for place, entry in enumerate(entries)],
        "kind": kind,
        "sides": [_chip(request, "kind", value, label, value == kind) for value, label in SIDES.items()],
        "onlys": [
            _chip(request, "only", "", "All open items", not only),
            _chip(request, "only", "invoices", "Only invoices", only),
        ],
        "coins": _coins(request, coins, documents),
        "only": only,
        "documents": documents,
        "when": day_of(day),
        "most": PARTNERS,
        **controls(request, day=day),
    }


def _chip(request: HttpRequest, name: str, value: str, label: str, active: bool) -> Chip:
    return Chip(label, value, None, active, address(request, **{name: value or None}))


def _coins(request: HttpRequest, coins: list[str], documents: str | None) -> list[Chip]:
    """The currencies of documents; none to choose where there is one."""
    if len(coins) < 2:
        return []
    every = _chip(request, "documents", "", "All documents", documents is None)
    return [every, *(_chip(request, "documents", code, f"In {code}", code == documents) for code in coins)]


def _part(request: HttpRequest, entry: Entry, books: Books, kind: str, words: str) -> dict[str, Any]:
    """One currency: its chart, its buckets and its partners."""
    company = request.GET.get("company")
    scope = {"kind": kind, "as_of": entry["as_of"].isoformat(), "company": company, "q": None, "format": None}
    scope |= {} if company else {"currency_of": entry["companies"][0]["currency"] if books.currency is None else None}
    items = reverse("finance_open_items")
    found = [one for one in entry["partners"] if words in one["partner"].casefold()]
    partners = [
        one
        | {
            "overdue": one["total"] - one["buckets"]["not_due"],
            "cells": [(name, one["buckets"][name]) for name in BUCKETS],
            "url": items + address(request, **scope, partner=str(one["partner_id"] or 0), connector=one["connector"], bucket=None),
        }
        for one in found[:PARTNERS]
    ]
    buckets = [
        {"name": name, "amount": entry["buckets"][name], "url": items + address(request, **scope, bucket=name)} for name in BUCKETS
    ]
    chart = {
        "labels": [LATE[name] for name in BUCKETS],
        "urls": [one["url"] for one in buckets],
        "series": [
            {
                "kind": "bar",
                "axis": "y",
                "label": f"Open ({entry['currency']})",
                "colour": "--c-chart-rows",
                "colours": [SHADES[name] for name in BUCKETS],
                "values": [float(entry["buckets"][name]) for name in BUCKETS],
            }
        ],
    }
    return {
        "entry": entry,
        "partners": partners,
        "number": len(found),
        "overdue": entry["total"] - entry["buckets"]["not_due"],
        "buckets": buckets,
        "chart": chart,
        "all_url": items + address(request, **scope),
    }
