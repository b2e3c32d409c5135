"""How each workflow does over time, and whether that is unusual for it."""

from __future__ import annotations

from typing import Any

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest

from devops import queries
from devops.pages.common import MONTHS_SHOWN, given, names, number, shown
from ipai.clock import now
from ipai.observability.console.listing import address
from ipai.observability.console.pages import NavItem, page

DAYS_SHOWN = 60
RATES = (("success_rate", "Success"), ("flaky_rate", "Flaky"), ("rerun_rate", "Re-run"))
TIMES = (("duration_p50_s", "Half took"), ("duration_p95_s", "95% took"), ("queue_p95_s", "95% queued"))


@page("devops/ci/", "devops_ci", action="view_devops", nav=NavItem("Deliver", "CI trends", "trending_up", 2), top=True)
@shown("devops/ci.html", "CI trends")
def ci(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """One workflow by month or day; without one, every workflow in its last month."""
    repositories = names(cursor)
    chosen = given(request, "repository")
    listed = queries.CI_METRICS.rows(cursor, chosen | {"period": "all"})
    workflow = number(request, "workflow_id")
    current = next((row for row in listed if row["workflow_id"] == workflow), None)
    by = "day" if request.GET.get("by") == "day" else "month"
    rows = queries.CI_METRICS.rows(cursor, {"workflow_id": workflow, "period": by}) if current else []
    rows = rows[-(DAYS_SHOWN if by == "day" else MONTHS_SHOWN) :]
    return {
        "repositories": repositories,
        "listed": [row | {"url": address(request, workflow_id=str(row["workflow_id"]))} for row in listed],
        "current": current,
        "rows": rows[::-1],
        "by": by,
        "rates": _chart(rows, RATES, 100, "%"),
        "times": _chart(rows, TIMES, 1 / 60, "min"),
        "anomalies": queries.ANOMALIES.rows(cursor, {"workflow_id": workflow, "after": now() - queries.FRESH}) if current else [],
    }


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
        for (name, label), colour in zip(lines, colours, strict=True)
    ]
    return {"labels": [row["period"] for row in rows], "titles": [unit], "series": series}
