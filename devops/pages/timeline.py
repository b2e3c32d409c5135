"""Deployments on a time axis: a lane for each repository and environment, marks for what became of them, bands for incidents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest

from devops import queries
from devops.api.parameters import begin, end
from devops.pages.common import choices, given, options, shown, whose
from ipai.clock import now
from ipai.observability.console.listing import Chip, address
from ipai.observability.console.pages import NavItem, page

RANGES = {name: timedelta(days=days) for name, days in (("1d", 1), ("7d", 7), ("30d", 30), ("90d", 90), ("1y", 365))}
ALL = "all"
MOST = 3000
LISTED = 100
TICKS = 6


@page(
    "devops/deployments/",
    "devops_deployments",
    action="view_devops",
    nav=NavItem("Deliver", "Deployments", "rocket_launch", 3),
    top=True,
)
@shown("devops/deployments.html", "Deployments")
def deployments(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """What was deployed in a stretch of time, and how it went."""
    repositories = queries.REPOSITORIES.rows(cursor)
    since, until = _stretch(request, repositories)
    length = until - since
    chosen: dict[str, Any] = whose(request) | given(request, "environment")
    chosen |= {name: value == "true" for name, value in given(request, "failed", "rework", "shipped").items()}
    of_month = given(request, "month")
    chosen |= of_month if of_month else {"from": since, "to": until}
    found = queries.DEPLOYMENTS.rows(cursor, chosen, limit=MOST)
    incidents = queries.INCIDENTS.rows(cursor, whose(request) | {"from": since, "to": until})
    everywhere = queries.environments(cursor)
    return {
        "repositories": options(request, repositories),
        "environments": choices(request, "environment", everywhere, "All environments"),
        "ranges": _ranges(request),
        "range": next((name for name, one in RANGES.items() if one == length), request.GET.get("range", "")),
        "since": since,
        "until": until,
        "earlier": _moved(request, since - length, since),
        "later": _moved(request, until, until + length) if until < now() - RANGES["1d"] / 24 else None,
        "ticks": [{"x": 100 * n / TICKS, "at": since + length * n / TICKS} for n in range(TICKS)],
        "hours": length <= RANGES["7d"],
        "lanes": _lanes(found, incidents, since, length),
        "rows": found[:LISTED],
        "total": len(found),
        "cut": len(found) == MOST,
        "failed": sum(row["failed"] for row in found),
        "rework": sum(row["rework"] for row in found),
    }


def _stretch(request: HttpRequest, repositories: list[dict[str, Any]]) -> tuple[datetime, datetime]:
    """From and until of the address: a month, two instants, a range that ends at the second or now, or all of the window."""
    month = request.GET.get("month", "")
    if request.GET.get("range") == ALL and not month:
        began = [row["first_commit_at"] for row in repositories if row["first_commit_at"]]
        return min(began, default=now() - RANGES["1y"]), now()
    try:
        if month:
            return begin(month), end(month)
        until = end(request.GET["until"].replace(" ", "+")) if request.GET.get("until") else now()
        since = begin(request.GET["from"].replace(" ", "+")) if request.GET.get("from") else None
    except ValueError:
        since, until = None, now()
    length = RANGES.get(request.GET.get("range", ""), RANGES["30d"])
    try:
        return (since, until) if since and since < until else (until - length, until)
    except OverflowError:
        return now() - length, now()


def _moved(request: HttpRequest, since: datetime, until: datetime) -> str:
    stretch = {"from": since.isoformat(timespec="seconds"), "until": until.isoformat(timespec="seconds")}
    return address(request, month=None, range=None, **stretch)


def _ranges(request: HttpRequest) -> list[Chip]:
    return [Chip(name, name, None, False, address(request, range=name, month=None, **{"from": None})) for name in (*RANGES, ALL)]


def _lanes(
    found: list[dict[str, Any]], incidents: list[dict[str, Any]], since: datetime, length: timedelta
) -> list[dict[str, Any]]:
    """``{"repository", "environment", "marks", "bands"}``; places are percent of the stretch."""

    def place(at: datetime) -> float:
        return round(min(100.0, max(0.0, 100 * ((at - since) / length))), 3)

    lanes: dict[tuple[Any, str, str], dict[str, Any]] = {}
    for row in sorted(found, key=lambda row: (row["repository"], not row["production"], row["environment"])):
        key = (row["connector_id"], row["repository"], row["environment"])
        named = {"connector_id": key[0], "repository": key[1], "environment": key[2]}
        lane = lanes.setdefault(key, named | {"production": row["production"], "marks": []})
        lane["marks"].append(row | {"x": place(row["created_at"]), "mark": mark(row)})
    for lane in lanes.values():
        of = (lane["connector_id"], lane["repository"])
        mine = [one for one in incidents if (one["connector_id"], one["repository"]) == of and lane["production"]]
        bands = [one | {"x": place(one["opened_at"]), "end": place(one["closed_at"] or since + length)} for one in mine]
        lane["bands"] = [one | {"width": max(0.15, one["end"] - one["x"])} for one in bands]
    return list(lanes.values())


def mark(row: dict[str, Any]) -> str:
    """What a deployment's mark shows: failed (in production), repair, success, broken (never succeeded) or going."""
    if row["failed"]:
        return "failed"
    if row["rework"]:
        return "repair"
    if row["succeeded_at"]:
        return "success"
    return "broken" if row["state"] in ("failure", "error") else "going"
