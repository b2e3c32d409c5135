"""How the finance pages write amounts, days and changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from finance.definitions import LATE, definition
from finance.money import money
from finance.pages.common import day_of
from ipai.clock import now

register = template.Library()
register.filter("day", day_of)


def grouped(text: str) -> str:
    """``-1234.50`` as ``1,234.50``: thousands separated, without its sign."""
    whole, dot, rest = text.lstrip("-").partition(".")
    return f"{int(whole):,}{dot}{rest}"


def written(amount: Decimal | str, decimals: int = 2) -> str:
    """An amount in a sentence: ``(1,234.50)`` when it is negative."""
    text = amount if isinstance(amount, str) else money(amount, decimals)
    return f"({grouped(text)})" if text.startswith("-") else grouped(text)


register.filter(written)


@register.filter
def amount(value: Decimal | str | None, decimals: int = 2) -> SafeString | str:
    """An amount in a column: negatives in parentheses (said as minus), digits under digits. Text has its decimals already."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else money(value, decimals)
    if text.startswith("-"):
        return format_html(
            '<span class="f-amount f-negative"><span class="c-visually-hidden">minus </span>({})</span>', grouped(text)
        )
    return format_html('<span class="f-amount{}">{}</span>', "" if text.strip("0.") else " f-zero", grouped(text))


@register.filter
def share(value: Decimal | float | None, unsigned: bool = False) -> str:
    """A ratio as per cent: ``12.4%``; a minus sign where it is below zero, if signs are wanted."""
    if value is None:
        return "–"
    ratio = float(value)
    return f"{100 * (abs(ratio) if unsigned else ratio):,.1f}%".replace("-", "−")


@register.filter
def points(value: Decimal) -> str:
    """The difference of two ratios, without its sign: ``1.2 points``."""
    return f"{100 * abs(value):,.1f} points"


@register.filter
def split(words: str) -> list[str]:
    """The words of a text."""
    return words.split()


@register.filter
def opens(sheet: Any) -> bool:
    """Whether a statement has lines that open to accounts."""
    return any(line.accounts for line in sheet.lines)


@register.filter
def bucket(name: str) -> str:
    """How late, for people."""
    return LATE[name]


@register.simple_tag
def clock(moment: datetime | None, missing: str = "never") -> SafeString | str:
    """``10:42`` today, with the date before; in UTC until console.js tells it in the viewer's zone on hover."""
    if moment is None:
        return missing
    today = moment.date() == now().date()
    said = f"{moment:%H:%M} UTC" if today else f"{day_of(moment.date())} {moment:%H:%M} UTC"
    return format_html('<time datetime="{}" data-exact>{}</time>', moment.isoformat(), said)


@register.simple_tag
def how(figure: str, label: str) -> SafeString | str:
    """A mark that says how a figure is computed, on hover, on focus and to screen readers; nothing for what needs no saying."""
    said = definition(figure)
    if not said:
        return ""
    return format_html(
        '<button type="button" class="f-how" data-tip="{}" aria-label="How {} is computed: {}">?</button>', said, label, said
    )


@register.simple_tag
def trend(values: Sequence[Any], label: str) -> SafeString | str:
    """A line through the values, oldest first, with the zero line where it lies between them."""
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        return ""
    low, high = min(numbers), max(numbers)
    reach, step = (high - low) or 1, 120 / (len(numbers) - 1)
    points = [(round(place * step, 1), round(2 + 24 * (high - value) / reach, 1)) for place, value in enumerate(numbers)]
    line = format_html_join(" ", "{},{}", points)
    zero = format_html('<line x1="0" x2="120" y1="{0}" y2="{0}"/>', round(2 + 24 * high / reach, 1)) if low < 0 < high else ""
    return format_html(
        '<svg class="f-trend" role="img" aria-label="{}" viewBox="-2 0 124 28" preserveAspectRatio="none">{}'
        '<polyline points="{}"/></svg>',
        label,
        zero,
        line,
    )


@register.filter
def unless_zero(value: str) -> SafeString | str:
    """An amount in a column of which most cells are nothing: those stay empty."""
    return amount(value) if value.strip("-0.") else ""


@register.filter
def late(days: int) -> str:
    """``12 days late``, ``due today`` or ``in 3 days``."""
    if days > 0:
        return f"{days:,} day{'' if days == 1 else 's'} late"
    return "due today" if days == 0 else f"in {-days:,} day{'' if days == -1 else 's'}"


@register.filter
def iso(value: date | None) -> str:
    """``2026-01-31``, for date fields."""
    return value.isoformat() if value else ""
