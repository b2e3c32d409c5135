"""The wall: every workflow on every default branch, what hurts first, and the figures of the last month beside it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest

from devops import queries
from devops.pages.common import shown
from ipai.clock import now
from ipai.observability.console.pages import NavItem, page

RANK = {"red": 0, "unknown": 1, "green": 2}


@page("devops/", "devops", action="view_devops", nav=NavItem("Deliver", "DevOps health", "monitor_heart", 1, "d"), top=True)
@shown("devops/wall.html", "DevOps health", trail=False)
def wall(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """Is everything green, and if not, what first and whom to ask?"""
    states = [queries.with_age(row) for row in queries.CI_STATUS.rows(cursor) if row["workflow_state"] in (None, "active")]
    bundles = queries.SPEC_COMPLIANCE.rows(cursor)
    month = f"{now():%Y-%m}"
    return {
        "repositories": _by_repository(states, queries.REPOSITORIES.rows(cursor)),
        "workflows": len(states),
        "red": sum(row["state"] == "red" for row in states),
        "running": sum(row["running"] for row in states),
        "anomalies": queries.ANOMALIES.rows(cursor, {"after": now() - queries.FRESH}),
        "bundles": len(bundles),
        "compliant": sum(row["compliant"] for row in bundles),
        "month": month,
        "delivery": _delivery(queries.DORA_MONTHS.rows(cursor, {"from": month, "to": month})),
        "open": [row | {"said": f"{row['repository']} #{row['number']}"} for row in queries.INCIDENTS.rows(cursor, {"open": True})],
    }


def _by_repository(states: list[dict[str, Any]], repositories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``{"name", "url", "cells", "red"}`` of each repository, the longest red first."""
    cells: dict[tuple[Any, str], list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(states, key=lambda row: (RANK[row["state"]], row["workflow"])):
        cells[row["connector_id"], row["repository"]].append(row)
    found = [
        {
            "name": one["repository"],
            "url": one["html_url"],
            "archived": one["archived"],
            "cells": cells[one["connector_id"], one["repository"]],
        }
        for one in repositories
    ]
    for one in found:
        one["red"] = sum(row["state"] == "red" for row in one["cells"])
        one["oldest"] = max((row["age_s"] or 0 for row in one["cells"] if row["state"] == "red"), default=0)
    return sorted(found, key=lambda one: (not one["cells"], -one["red"], -one["oldest"], one["name"]))


def _delivery(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """This month over all repositories."""
    total = {name: sum(row[name] for row in rows) for name in ("deployments", "failed", "rework", "not_recovered")}
    return total | {"fail_rate": total["failed"] / total["deployments"] if total["deployments"] else None}
