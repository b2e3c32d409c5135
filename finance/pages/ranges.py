"""Which days a page is about: ranges by name, days of one's own, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, cast

from django.http import HttpRequest

from finance.pages.common import Books, a_day, a_word
from finance.periods import DAY, MONTHS, Compare, Period, Step, compared, fiscal_year_start, shifted, split

RANGES: Final[Mapping[str, str]] = {
    "this_month": "This month",
    "last_month": "Last month",
    "this_quarter": "This quarter",
    "last_quarter": "Last quarter",
    "year_to_date": "This fiscal year",
    "last_year": "Last fiscal year",
    "last_12_months": "Last 12 months",
    "custom": "Days of your own",
}
COMPARES: Final[Mapping[str, str]] = {"previous_year": "A year before", "previous_period": "The period before", "none": "Nothing"}
STEPS: Final[Mapping[str, str]] = {"whole": "One column", "month": "By month", "quarter": "By quarter", "year": "By fiscal year"}
MOST_COLUMNS = 36
ENDS: Final[Mapping[Step, int]] = {"month": 6, "quarter": 5, "year": 4}
"""How many days a balance sheet by month, quarter or year shows."""


def named(today: date, year_end: tuple[int, int]) -> dict[str, Period]:
    """The ranges by their names; those under way end today."""
    month, year = today.replace(day=1), fiscal_year_start(today, *year_end)
    quarter = max(start for n in range(4) if (start := shifted(year, 3 * n)) <= today)
    return {
        "this_month": Period(month, today),
        "last_month": Period(shifted(month, -1), month - DAY),
        "this_quarter": Period(quarter, today),
        "last_quarter": Period(shifted(quarter, -3), quarter - DAY),
        "year_to_date": Period(year, today),
        "last_year": Period(fiscal_year_start(year - DAY, *year_end), year - DAY),
        "last_12_months": Period(shifted(month, -11), today),
    }


def span(request: HttpRequest, books: Books) -> tuple[str, Period]:
    """The range that the address asks for and its name; the fiscal year to date without one."""
    ranges = named(books.today, books.year_end)
    own = request.GET.get("from") or request.GET.get("to")
    name = a_word(request, "range", tuple(RANGES), "custom" if own else "year_to_date") or "year_to_date"
    if name != "custom":
        return name, ranges[name]
    last = a_day(request, "to", books.today)
    first = a_day(request, "from", fiscal_year_start(last, *books.year_end))
    return name, Period(min(first, last), last)


def a_balance_day(request: HttpRequest, books: Books) -> date:
    """The day that balances are asked for; without one the end of the range that another page was about, today without that."""
    _, whole = span(request, books)
    return a_day(request, "as_of", whole.last)


def comparison(request: HttpRequest) -> Compare | None:
    """What the address compares with; a year before unless told."""
    name = a_word(request, "compare", tuple(COMPARES), "previous_year")
    return None if name in ("none", "") else cast(Compare, name)


def step(request: HttpRequest, whole: Period, year_end: tuple[int, int]) -> Step | None:
    """The columns that the address asks for, or the next wider ones that fit on a page."""
    name = a_word(request, "by", tuple(MONTHS))
    wider = [one for one in MONTHS if name and MONTHS[one] >= MONTHS[cast(Step, name)]]
    return next((one for one in wider if _columns(whole, one, year_end) <= MOST_COLUMNS), None)


def _columns(whole: Period, by: Step, year_end: tuple[int, int]) -> int:
    try:
        return len(split(whole, by, year_end))
    except ValueError:
        return MOST_COLUMNS + 1


def ends(day: date, by: Step | None, year_end: tuple[int, int]) -> list[date]:
    """The day itself, and before it the last days of as many months, quarters or years as are shown."""
    if by is None:
        return [day]
    begin = shifted(day.replace(day=1), -MONTHS[by] * (ENDS[by] - 1))
    return [period.last for period in split(Period(begin, day), by, year_end)][-ENDS[by] :]


def compared_day(day: date, how: Compare, year_end: tuple[int, int]) -> date:
    """The day that a balance is compared with: a year before, or the end of the fiscal year before."""
    if how == "previous_year":
        return compared(Period(day, day), how).last
    return fiscal_year_start(day, *year_end) - DAY


def controls(request: HttpRequest, **shown: Any) -> dict[str, Any]:
    """What the form above a page offers: ``ranges`` with ``span``, ``day``, ``steps``, ``compares`` as they are given."""
    return {"compare": a_word(request, "compare", tuple(COMPARES), "previous_year"), "by": request.GET.get("by", ""), **shown}
