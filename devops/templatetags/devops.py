"""How the DevOps pages write figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ipai.clock import now

register = template.Library()
STATES = {"green": ("ok", "Green"), "red": ("bad", "Red"), "unknown": ("none", "Undecided")}
MARKS = {
    "failed": ("bad", "Failed in production"),
    "repair": ("late", "Repair"),
    "success": ("ok", "Succeeded"),
    "broken": ("bad", "Did not succeed"),
    "going": ("run", "Under way"),
}
LEVELS = {"elite": "ok", "high": "run", "medium": "late", "low": "bad"}


@register.filter
def words(name: str) -> str:
    """A metric's name for people: ``change lead time``."""
    return name.replace("_", " ")


@register.filter
def rate(value: float | None) -> str:
    """A share as per cent: ``93.0%``."""
    return "-" if value is None else f"{100 * value:.1f}%"


@register.filter
def lasting(seconds: float | None) -> str:
    """A length of time in its two largest units: ``3 d 4 h``."""
    if seconds is None:
        return "-"
    left, words = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            words.append(f"{amount} {unit}")
    return " ".join(words[:2]) or "0 s"


@register.filter
def figure(value: float | None, metric: str) -> str:
    """The value of one of the five metrics in its unit."""
    if value is None:
        return "-"
    if metric.endswith("_s"):
        return lasting(value)
    return f"{value:.2f} a day" if metric == "deployment_frequency" else rate(value)


@register.simple_tag
def when(moment: datetime | None, missing: str = "never") -> SafeString:
    """An instant, with how long before (the figures') now it was on hover."""
    if moment is None:
        return format_html('<span class="c-dim">{}</span>', missing)
    age = f"{lasting((now() - moment).total_seconds())} ago" if moment <= now() else ""
    shown = f"{moment.day} {moment:%b %Y %H:%M}"
    return format_html('<time datetime="{}" data-exact title="{}">{}</time>', moment.isoformat(), age, shown)


def _pill(tone: str, word: str) -> SafeString:
    return format_html('<span class="c-pill c-{}"><i aria-hidden="true"></i>{}</span>', tone, word)


@register.simple_tag
def state(name: str) -> SafeString:
    """The state of a workflow: a dot and a word."""
    return _pill(*STATES[name])


@register.simple_tag
def outcome(mark: str) -> SafeString:
    """What became of a deployment."""
    return _pill(*MARKS[mark])


@register.simple_tag
def level(name: str | None) -> SafeString:
    """A performance level."""
    return _pill(LEVELS[name], name.capitalize()) if name else format_html('<span class="c-dim">{}</span>', "no published level")


@register.filter
def outcome_of(row: dict[str, Any]) -> str:
    """The mark of a deployment's row."""
    from devops.pages.timeline import mark

    return mark(row)
