"""The operations dashboard: panels that apps register, in one page that says what needs a person first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the dashboard: a template, what it shows, and where it stands (lower is higher up)."""

    order: int
    template: str
    context: Callable[[HttpRequest], dict[str, Any]]


panels: list[Panel] = []


def register(order: int, template: str, context: Callable[[HttpRequest], dict[str, Any]]) -> None:
    """Add a panel; ``admin.py`` of an app calls this."""
    panels.append(Panel(order, template, context))
    panels.sort(key=lambda panel: panel.order)


def context(request: HttpRequest, shared: dict[str, Any]) -> dict[str, Any]:
    """The dashboard's context (unfold's DASHBOARD_CALLBACK)."""
    shown = [{"template": panel.template, **panel.context(request)} for panel in panels]
    return {**shared, "title": "Dashboard", "trail": [], "panels": shown}
