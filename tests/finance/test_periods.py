"""Fiscal years and periods."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from finance.periods import DAY, Period, compared, fiscal_year_start, split
from tests.finance.ledger import d


@pytest.mark.parametrize(
    ("day", "month", "last", "start"),
    [
        ("2026-11-23", 12, 31, "2026-01-01"),
        ("2026-06-30", 6, 30, "2025-07-01"),
        ("2026-07-01", 6, 30, "2026-07-01"),
        ("2024-02-29", 2, 28, "2023-03-01"),
        ("2024-03-01", 2, 28, "2024-03-01"),
        ("2026-04-05", 4, 5, "2025-04-06"),
        ("2026-05-01", 4, 31, "2026-05-01"),
    ],
)
def test_fiscal_years_begin_as_in_odoo(db: None, day: str, month: int, last: int, start: str) -> None:
    assert fiscal_year_start(d(day), month, last) == d(start)
    with connection.cursor() as cursor:
        cursor.execute("SELECT ipai_gold_erp.fiscal_year_start(%s, %s, %s)", [d(day), month, last])
        assert cursor.fetchone() == (d(start),), "SQL says the same"


DAYS = st.dates(d("1990-01-01"), d("2040-12-31"))


@given(
    DAYS,
    st.integers(0, 2000),
    st.sampled_from(["month", "quarter", "year", None]),
    st.sampled_from([(12, 31), (6, 30), (4, 5), (2, 28)]),
)
def test_periods_cover_the_days_once(first, length, step, year_end) -> None:
    whole = Period(first, first + length * DAY)
    periods = split(whole, step, year_end)
    assert (periods[0].first, periods[-1].last) == (whole.first, whole.last)
    assert all(one.last + DAY == after.first for one, after in pairwise(periods))


@pytest.mark.parametrize(
    ("first", "last", "how", "expected"),
    [
        ("2026-03-01", "2026-03-31", "previous_period", ("2026-02-01", "2026-02-28")),
        ("2026-01-01", "2026-03-31", "previous_period", ("2025-10-01", "2025-12-31")),
        ("2026-03-10", "2026-03-19", "previous_period", ("2026-02-28", "2026-03-09")),
        ("2024-02-01", "2024-02-29", "previous_year", ("2023-02-01", "2023-02-28")),
        ("2026-01-01", "2026-11-23", "previous_year", ("2025-01-01", "2025-11-23")),
        ("2025-02-28", "2025-02-28", "previous_year", ("2024-02-28", "2024-02-29")),
    ],
)
def test_what_a_period_is_compared_with(first, last, how, expected) -> None:
    assert compared(Period(d(first), d(last)), how) == Period(*map(d, expected))


def test_too_many_periods_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 400 periods"):
        split(Period(d("1950-01-01"), d("2026-01-01")), "month", (12, 31))
