"""How the DevOps pages write figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from devops.figures import figure, lasting, rate
from ipai.clock import now
from ipai.observability.console.records import is_web_address

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


for written in (rate, lasting, figure):
    register.filter(written)


@register.simple_tag
def when(moment: datetime | None, missing: str = "never") -> SafeString:
    """An instant, with how long before (the figures') now it was on hover."""
    if moment is None:
        return format_html('<span class="c-dim">{}</span>', missing)
    age = f"{lasting((now() - moment).total_seconds())} ago" if moment <= now() else ""
    shown = f"{moment.day} {moment:%b %Y %H:%M}"
    return format_html('<time datetime="{}" data-exact title="{}">{}</time>', moment.isoformat(), age, shown)


@register.simple_tag
def away(url: str | None, said: object, kind: str = "", hint: str = "") -> SafeString:
    """A link to the vendor's page with a class and words on hover, or the words alone where there is no address of the web."""
    if not url or not is_web_address(url):
        return format_html("{}", said)
    return format_html('<a class="{}" href="{}" rel="noopener" title="{}">{}</a>', kind, url, hint, said)


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
def level(name: str | None, missing: str = "no data") -> SafeString:
    """A performance level, or why there is none."""
    return _pill(LEVELS[name], name.capitalize()) if name else format_html('<span class="c-dim">{}</span>', missing)


@register.filter
def outcome_of(row: dict[str, Any]) -> str:
    """The mark of a deployment's row."""
    from devops.pages.timeline import mark

    return mark(row)
