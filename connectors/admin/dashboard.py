"""The connectors' part of the operations dashboard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from connectors.admin.proofs import standings
from connectors.admin.queries import Line, last_days, lines, progress_of, rows_today, running_now, troubled
from connectors.queries import seconds_of, upcoming_runs
from ipai.observability import dashboard
from ipai.observability.console.pages import allowed, page, scope


def overview(request: HttpRequest) -> dict[str, Any]:
    """Tiles, what needs a person, what runs, the last days, what comes next, every connector."""
    if not allowed(request, "view_connectors"):
        return {"hidden": True}
    tenant = scope(request)
    found = lines(tenant)
    if not found:
        return {"empty": True}
    days = last_days(tenant)
    worst = max((line for line in found if line.fresh.age is not None and line.connector.is_enabled), key=_lateness, default=None)
    return {
        "lines": sorted(found, key=_urgency)[:50],
        "total": len(found),
        "counts": {
            state: sum(line.health == state for line in found)
            for state in ("healthy", "running", "failed", "late", "none", "paused")
        },
        "worst": worst,
        "rows_today": rows_today(tenant),
        "trouble": sorted((line for line in found if troubled(line)), key=_urgency),
        "days": days,
        "chart": _chart(days),
        "upcoming": upcoming_runs(6, tenant),
        "proofs": standings(found),
        **running_context(request),
    }


def running_context(request: HttpRequest) -> dict[str, Any]:
    """Open runs with how far they are."""
    shown = []
    for run in running_now(scope(request))[:12]:
        streams = list(run.streams.all())
        rows, percent = progress_of(streams)
        seconds = seconds_of(run)
        names = [stream.stream for stream in streams if stream.status == "running"]
        shown.append(
            {
                "run": run,
                "rows": rows,
                "percent": percent,
                "seconds": None if seconds is None else timedelta(seconds=seconds),
                "streams": names,
            }
        )
    return {"running": shown}


@page("running/", "dashboard_running", action="view_connectors")
def running_now_panel(request: HttpRequest) -> HttpResponse:
    """The running panel by itself, for its poll."""
    return TemplateResponse(request, "console/dashboard_running.html", {"panel": running_context(request)})


def _lateness(line: Line) -> float:
    return float(line.fresh.age / line.fresh.target)


def _urgency(line: Line) -> tuple[bool, bool, str]:
    """Failed first, then late, then the rest by name."""
    return (not troubled(line), line.health == "late", line.connector.name)


def _chart(days: list[Any]) -> dict[str, Any]:
    bars = [
        ("success", "Success", "--c-chart-success"),
        ("failed", "Failed", "--c-chart-failed"),
        ("cancelled", "Cancelled", "--c-chart-cancelled"),
    ]
    series = [
        {"kind": "bar", "label": label, "colour": colour, "values": [getattr(day, name) for day in days]}
        for name, label, colour in bars
    ]
    series.append({"kind": "line", "label": "Rows written", "colour": "--c-chart-rows", "values": [day.rows for day in days]})
    return {"labels": [f"{day.date.day} {day.date:%b}" for day in days], "series": series}


dashboard.register(10, "console/dashboard_connectors.html", overview)
