"""Template tags of the console: one way to show a status, a time, a count, a size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ipai.observability.console.listing import address
from ipai.observability.console.pages import allowed

register = template.Library()

TONES = {
    "queued": ("none", "Queued"),
    "running": ("run", "Running"),
    "success": ("ok", "Success"),
    "healthy": ("ok", "Healthy"),
    "fresh": ("ok", "Fresh"),
    "ok": ("ok", "Working"),
    "failed": ("bad", "Failed"),
    "late": ("late", "Late"),
    "cancelled": ("none", "Cancelled"),
    "paused": ("none", "Paused"),
    "none": ("none", "No data"),
    "revoked": ("none", "Revoked"),
    "expired": ("late", "Expired"),
    "active": ("ok", "Active"),
    "inactive": ("none", "Inactive"),
    "yes": ("ok", "Yes"),
    "no": ("none", "No"),
}
SIZES = ("B", "KB", "MB", "GB", "TB")


@register.simple_tag
def pill(status: str | None, word: str = "") -> SafeString:
    """A status: a dot and a word, never colour alone."""
    tone, known = TONES.get(status or "none", ("none", str(status).capitalize()))
    return format_html('<span class="c-pill c-{}"><i aria-hidden="true"></i>{}</span>', tone, word or known)


@register.simple_tag
def ago(moment: datetime | None, missing: str = "never") -> SafeString:
    """A time relative to now, with the exact one on hover (console.js turns it into the viewer's zone)."""
    if moment is None:
        return format_html('<span class="c-dim">{}</span>', missing)
    exact = moment.astimezone(timezone.get_current_timezone())
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S} UTC", relative(moment)
    )


def relative(moment: datetime) -> str:
    """``12 min ago`` or ``in 3 h``."""
    seconds = (timezone.now() - moment).total_seconds()
    words = span(abs(seconds))
    if abs(seconds) < 5:
        return "now"
    return f"{words} ago" if seconds > 0 else f"in {words}"


@register.filter
def span(value: timedelta | float | None) -> str:
    """A length of time in its largest unit: ``45 s``, ``12 min``, ``3 h``, ``9 d``."""
    if value is None:
        return "-"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h"), (float("inf"), 86400, "d")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit}"
    return "-"


@register.filter
def count(value: int | str | None) -> str:
    """A number with thousands separated; a dash when it is not known, as in what an older version has written."""
    return "-" if value is None or value == "" else f"{value:,}"


@register.filter
def short(value: int | None) -> str:
    """A number for a tile: ``950``, ``12.4 k``, ``1.24 M``."""
    if value is None:
        return "-"
    for size, unit in ((1_000_000_000, "bn"), (1_000_000, "M"), (10_000, "k")):
        if value >= size:
            divisor = 1000 if unit == "k" else size
            return f"{value / divisor:.3g} {unit}"
    return f"{value:,}"


@register.filter
def size(value: int | None) -> str:
    """Bytes in the largest unit that gives a number of at least one."""
    if value is None:
        return "-"
    amount = float(value)
    for unit in SIZES:
        if amount < 1024 or unit == SIZES[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1024
    return "-"


@register.filter
def percent(part: int | None, whole: int | None) -> int | None:
    """How much of the whole, 0 to 100; None when unknown."""
    return None if not whole or part is None else max(0, min(100, round(100 * part / whole)))


@register.filter
def initials(value: str) -> str:
    """Two letters that stand for a name."""
    words = [word for word in value.replace("-", " ").replace("_", " ").replace(".", " ").split() if word]
    letters = "".join(word[0] for word in words[:2]) or "?"
    return (letters if len(letters) > 1 else (words[0][:2] if words else "?")).upper()


@register.filter
def spaced(name: str) -> str:
    """``journal_entries`` for people: ``journal entries``."""
    return name.replace("_", " ")


@register.filter
def table_name(target: str) -> str:
    """The table of ``schema.table``."""
    return target.partition(".")[2] or target


@register.filter
def schema_name(target: str) -> str:
    """The schema of ``schema.table``."""
    return target.partition(".")[0]


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    """``mapping[key]``, or None."""
    return mapping.get(key)


@register.filter
def day(value: date) -> str:
    """``14 Nov``."""
    return f"{value.day} {value:%b}"


@register.simple_tag(takes_context=True)
def may_i(context: template.Context, action: str) -> bool:
    """Whether the viewer's roles include the action: a button one may not press is not shown."""
    return allowed(context["request"], action)


@register.simple_tag(takes_context=True)
def link_with(context: template.Context, **changes: Any) -> str:
    """This page's address with other parameters."""
    request: HttpRequest = context["request"]
    return address(request, **{name: None if value is None else str(value) for name, value in changes.items()})


@register.simple_tag(takes_context=True)
def sort_link(context: template.Context, field: str, label: str) -> SafeString:
    """A column heading that sorts by ``field``, and by the reverse when it does already."""
    request: HttpRequest = context["request"]
    current = str(context.get("sort") or "")
    active = current.lstrip("-") == field
    target = f"-{field}" if current == field else field
    arrow = "" if not active else " ↓" if current.startswith("-") else " ↑"
    return format_html('<a class="c-sort" href="{}">{}{}</a>', address(request, sort=target), label, arrow)


@register.simple_tag
def sparkline(values: Sequence[float], label: str, words: Sequence[str] = ()) -> SafeString:
    """A row of small bars, oldest first: the shape of the last values. The label says it in words, ``words`` each bar."""
    highest = max(values, default=0) or 1
    told = words or [f"{value:,}" for value in values]
    bars = (
        (index * 7, 24 - max(1, round(22 * value / highest)), max(1, round(22 * value / highest)), told[index])
        for index, value in enumerate(values)
    )
    drawn = format_html_join("", '<rect x="{}" y="{}" width="5" height="{}" rx="1"><title>{}</title></rect>', bars)
    width = max(7 * len(values), 7)
    return format_html(
        '<svg class="c-spark" role="img" aria-label="{}" viewBox="0 0 {} 24" width="{}" height="24">{}</svg>',
        label,
        width,
        width,
        drawn,
    )
