"""Template tags for runs: what happened and how long it took, in the words that the commands and the API use."""

from __future__ import annotations

from django import template

from connectors.models import ConnectorRun
from connectors.queries import duration_words, run_words, seconds_of

register = template.Library()


@register.simple_tag
def words_of(run: ConnectorRun) -> str:
    """What happened, in one line."""
    return run_words(run)


@register.simple_tag
def took(run: ConnectorRun) -> str:
    """How long it took or takes; a dash before it starts."""
    seconds = seconds_of(run)
    return "-" if seconds is None else duration_words(seconds)
