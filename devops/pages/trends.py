"""How each workflow does over time, and whether that is unusual for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest
from django.urls import reverse

from devops import organisation, queries
from devops.pages.common import MONTHS_SHOWN, number, options, shown, whose
from ipai.clock import now
from ipai.observability.console.listing import address
from ipai.observability.console.pages import NavItem, page

DAYS_SHOWN = 60
RATES = (("success_rate", "Success"), ("flaky_rate", "Flaky"), ("rerun_rate", "Re-run"))
TIMES = (("duration_p50_s", "Half took"), ("duration_p95_s", "95% took"), ("queue_p95_s", "95% queued"))
LISTED = 200
"""Workflows of one page, those with the most runs."""


@page("devops/ci/", "devops_ci", action="view_devops", nav=NavItem("Deliver", "CI trends", "trending_up", 2), top=True)
@shown("devops/ci.html", "CI trends")
def ci(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """One workflow by month or day; without one, all runs by week and every workflow in all."""
    chosen = whose(request)
    listed = queries.CI_METRICS.rows(cursor, chosen | {"period": "all"})
    workflow = number(request, "workflow_id")
    current = next((row for row in listed if row["workflow_id"] == workflow), None)
    most = sorted(listed, key=lambda row: -row["runs"])[:LISTED]
    shown_ones = sorted(most, key=lambda row: (row["repository"], row["workflow"]))
    narrowed = _one(current) if current else chosen
    return {
        "repositories": options(request, queries.REPOSITORIES.rows(cursor)),
        "listed": [row | {"url": address(request, **_one(row)), "behind": urlencode(_one(row))} for row in shown_ones],
        "unlisted": len(listed) - len(shown_ones),
        "current": current,
        "anomalies": queries.ANOMALIES.rows(cursor, narrowed | {"after": now() - queries.FRESH}),
        **(_of_workflow(request, cursor, current) if current else _of_all(cursor, chosen)),
    }


def _one(row: dict[str, Any]) -> dict[str, str]:
    """What names one workflow: its number is the vendor's, and two connectors may have the same."""
    return {"connector": str(row["connector_id"]), "workflow_id": str(row["workflow_id"])}


def _of_workflow(request: HttpRequest, cursor: CursorWrapper, current: dict[str, Any]) -> dict[str, Any]:
    by = "day" if request.GET.get("by") == "day" else "month"
    rows = queries.CI_METRICS.rows(cursor, _one(current) | {"period": by})
    rows = rows[-(DAYS_SHOWN if by == "day" else MONTHS_SHOWN) :]
    return {
        "rows": _linked(rows, _one(current)),
        "by": by,
        "rates": _chart(rows, RATES, 100, "%"),
        "times": _chart(rows, TIMES, 1 / 60, "min"),
    }


def _of_all(cursor: CursorWrapper, chosen: dict[str, str]) -> dict[str, Any]:
    rows = organisation.ci_weeks(cursor, **chosen)
    charts = {"rates": _chart(rows, RATES[:1], 100, "%"), "times": _chart(rows, TIMES[:2], 1 / 60, "min")}
    return {
        "rows": _linked(rows, chosen),
        "of": chosen.get("repository", "All repositories"),
        **charts,
    }


def _linked(rows: list[dict[str, Any]], behind: dict[str, Any]) -> list[dict[str, Any]]:
    """The newest first, each with the address of its runs, to which ``&show=...`` may be added."""
    page = reverse("devops_runs")
    return [row | {"url": f"{page}?{urlencode(behind | {'period': row['period']})}"} for row in rows[::-1]]


def _chart(rows: list[dict[str, Any]], lines: tuple[tuple[str, str], ...], factor: float, unit: str) -> dict[str, Any]:
    colours = ("--c-chart-success", "--c-chart-failed", "--c-chart-rows")
    series = [
        {
            "kind": "line",
            "axis": "y",
            "label": label,
            "colour": colour,
            "values": [None if row[name] is None else round(row[name] * factor, 2) for row in rows],
        }
        for (name, label), colour in zip(lines, colours, strict=False)
    ]
    return {"labels": [row["period"] for row in rows], "titles": [unit], "series": series}
