"""Days, fiscal years and the periods that a range is cut into."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Step = Literal["month", "quarter", "year"]
Compare = Literal["previous_period", "previous_year"]
MONTHS: dict[Step, int] = {"month": 1, "quarter": 3, "year": 12}
MOST = 400
"""Periods at most."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date


def fiscal_year_end(year: int, month: int, day: int) -> date:
    """The last day of a fiscal year that ends in this calendar year, as Odoo reckons it: the end of February is its end."""
    longest = calendar.monthrange(year, month)[1]
    return date(year, month, longest if (month == 2 and day >= 28) or day > longest else day)


def fiscal_year_start(day: date, month: int, last_day: int) -> date:
    """The first day of the fiscal year that a day lies in."""
    ends = fiscal_year_end(day.year, month, last_day)
    return fiscal_year_end(day.year - (day <= ends), month, last_day) + DAY


def split(whole: Period, step: Step | None, year_end: tuple[int, int]) -> list[Period]:
    """The range cut at calendar months, or at quarters or years of the fiscal year; whole without a step.

    Raises ValueError when that makes more than :data:`MOST`.
    """
    if step is None:
        return [whole]
    start = whole.first.replace(day=1) if step == "month" else fiscal_year_start(whole.first, *year_end)
    periods = list[Period]()
    for number in range(MOST * 12):
        first, after = shifted(start, number * MONTHS[step]), shifted(start, (number + 1) * MONTHS[step])
        if first > whole.last:
            break
        if after > whole.first:
            periods.append(Period(max(first, whole.first), min(after - DAY, whole.last)))
        if len(periods) > MOST:
            break
    if len(periods) > MOST:
        raise ValueError(f"That is more than {MOST} periods")
    return periods


def shifted(day: date, months: int) -> date:
    """The same day so many months later; the last day of a month that is shorter."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def compared(period: Period, how: Compare) -> Period:
    """What a period is compared with: the same days a year before, or as many months or days just before it.

    Raises ValueError before the year 1.
    """
    if how == "previous_year":
        return _months_before(period, 12)
    if period.first.day == 1 and (period.last + DAY).day == 1:
        after = period.last + DAY
        return _months_before(period, (after.year - period.first.year) * 12 + after.month - period.first.month)
    length = period.last - period.first + DAY
    return Period(period.first - length, period.first - DAY)


def _months_before(period: Period, months: int) -> Period:
    """Ends of months stay ends of months."""
    after = shifted(period.last + DAY, -months) if (period.last + DAY).day == 1 else None
    return Period(shifted(period.first, -months), after - DAY if after else shifted(period.last, -months))
