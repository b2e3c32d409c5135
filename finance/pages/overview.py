"""Is everything all right with the money: profit, cash, what is owed and overdue, with trend and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest
from django.urls import reverse

from finance import queries, trends
from finance.definitions import BUCKETS, KINDS, LATE
from finance.pages.common import Books, carried, days_of, shown
from finance.pages.ranges import COMPARES, RANGES, comparison, controls, span
from finance.periods import DAY, Period, compared, shifted
from finance.queries import NONE
from finance.scope import Group
from ipai.observability.console.listing import address
from ipai.observability.console.pages import NavItem, page

Entry = dict[str, Any]
WEEKS, MONTHS_SHOWN = 26, 12
COSTS = ("direct_cost", "expense", "depreciation", "other_expense")
SHADES = {bucket: f"--f-late-{place}" for place, bucket in enumerate(BUCKETS)}


@dataclass(frozen=True, slots=True)
class Card:
    """A figure with what it was, how it moved and where it is explained."""

    name: str
    title: str
    value: Decimal | None
    before: Decimal | None
    trend: Sequence[Decimal | float]
    url: str
    is_share: bool = False
    overdue: Decimal | None = None
    less_is_better: bool = False

    @property
    def change(self) -> Decimal | None:
        """How far it moved: relative for amounts, in percentage points for shares; None where nothing was before."""
        if self.value is None or self.before is None or (not self.is_share and not self.before):
            return None
        return self.value - self.before if self.is_share else (self.value - self.before) / abs(self.before)

    @property
    def tone(self) -> str:
        """Whether the movement is welcome."""
        moved = self.change or NONE
        return "" if not moved else "ok" if (moved > 0) is not self.less_is_better else "bad"


@page("finance/", "finance", action="view_finance", nav=NavItem("Finance", "Overview", "account_balance", 1, "f"), top=True)
@shown("finance/overview.html", "Finance", trail=False)
def overview(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any]:
    """The figures of each currency; what is compared with is a year before unless asked otherwise."""
    name, whole = span(request, books)
    before = compared(whole, comparison(request) or "previous_year")
    groups = books.groups(cursor, whole.last)
    months = Period(shifted(whole.last.replace(day=1), 1 - MONTHS_SHOWN), whole.last)
    results = queries.profit_and_loss(cursor, groups, whole)
    earlier = queries.profit_and_loss(cursor, groups, before)
    monthly = queries.profit_and_loss(cursor, groups, months, "month")
    ageing = {kind: queries.aging(cursor, groups, kind, whole.last) for kind in KINDS}
    blocks = [
        _block(request, cursor, group, whole, before, results[place], earlier[place], monthly[place])
        | _ageing(request, {kind: ageing[kind][place] for kind in KINDS})
        | {
            "number": str(place),
            "currency": group.currency,
            "decimals": group.decimals,
            "companies": group.companies,
            "place": place,
        }
        for place, group in enumerate(groups)
    ]
    asked = controls(request, ranges=RANGES, range=name, span=whole, compares={k: v for k, v in COMPARES.items() if k != "none"})
    entries = [*results, *(entry for entries in ageing.values() for entry in entries)]
    return {"entries": entries, "blocks": blocks, "when": days_of(whole), "before": days_of(before), **asked}


def _block(
    request: HttpRequest,
    cursor: CursorWrapper,
    group: Group,
    whole: Period,
    before: Period,
    result: Entry,
    earlier: Entry,
    monthly: Entry,
) -> dict[str, Any]:
    """Cards and charts of the companies that are added up in one currency."""
    now, then = result["periods"][0]["totals"], earlier["periods"][0]["totals"]
    by_month = [period["totals"] for period in monthly["periods"]]
    ends = [period["to"] for period in monthly["periods"]]
    days = sorted({before.last, *ends})
    cash = dict(zip(days, trends.cash(cursor, group, days), strict=True))
    owed = {kind: dict(zip(days, found, strict=True)) for kind, found in trends.owed(cursor, group, days).items()}
    keep = carried(request)
    cards = [
        Card(
            "net_profit",
            "Net profit",
            now["net_profit"],
            then["net_profit"],
            _of(by_month, "net_profit"),
            _to("profit_and_loss", keep),
        ),
        Card(
            "gross_margin",
            "Gross margin",
            _margin(now),
            _margin(then),
            [_margin(one) or NONE for one in by_month],
            _to("profit_and_loss", keep),
            is_share=True,
        ),
        Card("cash", "Cash", cash[whole.last], cash[before.last], [cash[day] for day in ends], _to("cashflow", keep)),
        *(_owed_card(kind, owed[kind], ends, whole.last, before.last, keep) for kind in KINDS),
    ]
    return {"cards": cards, **_results_chart(request, monthly["periods"]), **_cash_chart(request, cursor, group, whole.last)}


def _of(rows: Sequence[Entry], name: str) -> list[Decimal]:
    return [row[name] for row in rows]


def _margin(totals: Entry) -> Decimal | None:
    """Gross profit over income; None without income."""
    return totals["gross_profit"] / totals["income"] if totals["income"] else None


def _to(name: str, kept: str, **more: str) -> str:
    """Another page that keeps whose figures and which days."""
    added = urlencode(more)
    return f"{reverse(f'finance_{name}')}{kept}{'&' if added and len(kept) > 1 else ''}{added}"


def _owed_card(kind: str, found: Mapping[date, trends.Owed], ends: Sequence[date], day: date, before: date, keep: str) -> Card:
    return Card(
        kind,
        kind.capitalize(),
        found[day].total,
        found[before].total,
        [found[end].total for end in ends],
        _to("ageing", keep, kind=kind, as_of=day.isoformat()),
        overdue=found[day].overdue,
        less_is_better=True,
    )


def _results_chart(request: HttpRequest, periods: Sequence[Entry]) -> dict[str, Any]:
    """Revenue beside expense by month, and what is left."""
    rows = [
        {
            "month": period["from"],
            "revenue": period["totals"]["income"] + period["totals"]["other_income"],
            "expense": sum((period["totals"][name] for name in COSTS), NONE),
            "net_profit": period["totals"]["net_profit"],
            "url": _days_url(request, "profit_and_loss", Period(period["from"], period["to"])),
        }
        for period in periods
    ]
    series = (
        ("bar", "Revenue", "--c-chart-success", "revenue"),
        ("bar", "Expense", "--c-chart-failed", "expense"),
        ("line", "Net profit", "--c-chart-rows", "net_profit"),
    )
    chart = {
        "labels": [f"{row['month']:%b %Y}" for row in rows],
        "urls": [row["url"] for row in rows],
        "series": [
            {
                "kind": kind,
                "axis": "y",
                "label": label,
                "colour": colour,
                "stack": name,
                "values": [float(row[name]) for row in rows],
            }
            for kind, label, colour, name in series
        ],
    }
    return {"results": rows, "results_chart": chart}


def _days_url(request: HttpRequest, name: str, period: Period) -> str:
    days = {"range": "custom", "from": period.first.isoformat(), "to": period.last.isoformat()}
    return reverse(f"finance_{name}") + address(request, **days)


def _cash_chart(request: HttpRequest, cursor: CursorWrapper, group: Group, last: date) -> dict[str, Any]:
    """Cash at the end of each week, Sundays, and of the last day."""
    sunday = last - timedelta(days=(last.weekday() + 1) % 7)
    days = [sunday - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    days += [last] if last != sunday else []
    begins = [days[0] - timedelta(weeks=1), *days]
    found = trends.cash(cursor, group, begins)
    rows: list[Entry] = [
        {"day": day, "cash": now, "change": now - before, "url": _days_url(request, "cashflow", Period(begin + DAY, day))}
        for begin, day, before, now in zip(begins, days, found, found[1:], strict=False)
    ]
    values = {
        "kind": "line",
        "axis": "y",
        "label": "Cash",
        "colour": "--c-chart-rows",
        "values": [float(row["cash"]) for row in rows],
    }
    chart = {
        "labels": [f"{row['day'].day} {row['day']:%b}" for row in rows],
        "urls": [row["url"] for row in rows],
        "series": [values],
    }
    return {"weeks": rows[::-1], "cash_chart": chart}


def _ageing(request: HttpRequest, found: Mapping[str, Entry]) -> dict[str, Any]:
    """Two bars, receivable and payable, of how late what is open is."""
    keep = carried(request)
    rows = [
        {
            "kind": kind,
            "total": entry["total"],
            "url": _to("ageing", keep, kind=kind, as_of=entry["as_of"].isoformat()),
            "buckets": [
                {"name": name, "amount": entry["buckets"][name], "url": _bucket(request, kind, entry, name)} for name in BUCKETS
            ],
        }
        for kind, entry in found.items()
    ]
    series = [
        {
            "kind": "bar",
            "label": LATE[name],
            "colour": SHADES[name],
            "stack": "open",
            "values": [float(entry["buckets"][name]) for entry in found.values()],
            "urls": [row["buckets"][n]["url"] for row in rows],
        }
        for n, name in enumerate(BUCKETS)
    ]
    chart = {"labels": [kind.capitalize() for kind in found], "across": True, "series": series}
    late = [(name, *(row["buckets"][n] for row in rows)) for n, name in enumerate(BUCKETS)]
    return {"ageing": rows, "late": late, "ageing_chart": chart}


def _bucket(request: HttpRequest, kind: str, entry: Entry, name: str) -> str:
    asked = {"kind": kind, "as_of": entry["as_of"].isoformat(), "bucket": name}
    rest = {one: None for one in request.GET if one not in ("company",)}
    return reverse("finance_open_items") + address(request, **(rest | asked))
