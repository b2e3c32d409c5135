"""DORA's five metrics with trend, level, coverage and what they leave out; Spec Kit compliance; and the rows behind numbers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest

from devops import organisation, queries
from devops.api.parameters import MONTH, begin, end
from devops.definitions import DEFINITIONS
from devops.figures import figure
from devops.pages.common import MONTHS_SHOWN, choices, given, number, options, shown, whose
from ipai.observability.console.listing import Chip, address
from ipai.observability.console.pages import NavItem, page

CARDS = (
    ("deployment_frequency", "Deployment frequency", "deployment_frequency"),
    ("change_lead_time_s", "Change lead time", "change_lead_time"),
    ("change_fail_rate", "Change fail rate", "change_fail_rate"),
    ("failed_deployment_recovery_s", "Failed deployment recovery", "failed_deployment_recovery_time"),
    ("deployment_rework_rate", "Deployment rework rate", "deployment_rework_rate"),
)
ROWS = 200
SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "": ("All", {}),
    "counted": ("In the success rate", {"counted": True}),
    "bad": ("Did not succeed", {"counted": True, "succeeded": False}),
    "ran": ("With a duration", {"ran": True}),
    "reruns": ("Run again", {"attempts": 2}),
}
"""Which runs a number counts: their name, and the filters of :data:`devops.queries.CI_RUNS`."""


@page("devops/dora/", "devops_dora", action="view_devops", nav=NavItem("Deliver", "DORA", "speed", 4), top=True)
@shown("devops/dora.html", "DORA")
def dora(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """The five metrics of one repository or of all together, in a month or the whole window; and each repository's."""
    repositories = queries.REPOSITORIES.rows(cursor)
    whole = [queries.with_levels(row) for row in queries.DORA_ALL.rows(cursor)]
    of = _one_repository(request, repositories)
    if of:
        found = [queries.with_levels(row) for row in (*queries.DORA_MONTHS.rows(cursor, of), *queries.DORA_ALL.rows(cursor, of))]
    else:
        found = organisation.dora(cursor)
    rows = [row for row in found if row["month"]][-MONTHS_SHOWN:]
    one = next((row for row in found if row["month"] == (request.GET.get("month") or None)), found[-1] if found else None)
    behind = urlencode(of) + "&" if of else ""
    return {
        "repositories": options(request, repositories),
        "whole": whole,
        "rows": rows[::-1],
        "one": one,
        "of": of.get("repository", "All repositories"),
        "behind": behind,
        "cards": [_card(one, rows, *card) for card in CARDS] if one else [],
        "items": queries.item_counts(cursor, of, one["month"]) if one else [],
        "definitions": DEFINITIONS,
        "back": address(request, month=None),
    }


def _one_repository(request: HttpRequest, repositories: list[dict[str, Any]]) -> dict[str, str]:
    """The name and connector of the repository in the address, or of the only one; empty: all. Of several of a name the first."""
    asked = whose(request)
    if not asked and len(repositories) > 1:
        return {}
    found = [{"repository": row["repository"], "connector": str(row["connector_id"])} for row in repositories]
    return next((one for one in found if asked.items() <= one.items()), asked)


def _card(one: dict[str, Any], rows: list[dict[str, Any]], name: str, title: str, definition: str) -> dict[str, Any]:
    values = [row[name] for row in rows]
    return {
        "name": name,
        "title": title,
        "value": one[name],
        "level": one["levels"].get(name),
        "definition": DEFINITIONS[definition],
        "missing": "no data" if one[name] is None else "no published level",
        "trend": [value or 0 for value in values],
        "words": [f"{row['month']}: {figure(row[name], name)}" for row in rows],
    }


@page("devops/specs/", "devops_specs", action="view_devops", nav=NavItem("Deliver", "Specifications", "fact_check", 5), top=True)
@shown("devops/specs.html", "Specifications")
def specs(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """Which bundles comply, and exactly what the others lack."""
    chosen, repositories = whose(request), queries.REPOSITORIES.rows(cursor)
    found = queries.SPEC_COMPLIANCE.rows(cursor, chosen)
    for row in found:
        row["warnings"] = [finding for finding in row["findings"] if finding["severity"] == "warning"]
    state = request.GET.get("compliant", "")
    having = {(row["connector_id"], row["repository"]) for row in queries.SPEC_COMPLIANCE.rows(cursor)}
    without = [row["repository"] for row in repositories if (row["connector_id"], row["repository"]) not in having]
    return {
        "repositories": options(request, repositories),
        "states": choices(request, "compliant", ["true", "false"]),
        "rows": [row for row in found if state not in ("true", "false") or row["compliant"] is (state == "true")],
        "total": len(found),
        "compliant": sum(row["compliant"] for row in found),
        "without": without if not chosen else [],
    }


@page("devops/runs/", "devops_runs", action="view_devops", top=True)
@shown("devops/runs.html", "Workflow runs")
def runs(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """The runs behind a figure, and which of them count for what."""
    filters: dict[str, Any] = {"workflow_id": number(request, "workflow_id")} | _period(request)
    filters |= whose(request) | given(request, "head_sha")
    of_flaky = {name: value for name, value in filters.items() if name in queries.FLAKY.filters}
    counts = queries.CI_RUNS.counts(cursor, filters, {name: part for name, (_, part) in SHOWN.items()})
    counts |= queries.FLAKY.counts(cursor, of_flaky, {"flaky": {}})
    show = request.GET.get("show", "")
    show = show if show in counts else ""
    told = [(name, words) for name, (words, _) in SHOWN.items()] + [("flaky", "Flaky commits")]
    chips = [Chip(words, name, counts[name], name == show, address(request, show=name or None)) for name, words in told]
    found = [_flaky(row) for row in queries.FLAKY.rows(cursor, of_flaky, limit=ROWS)] if show == "flaky" else []
    rows = queries.CI_RUNS.rows(cursor, filters | SHOWN[show][1], limit=ROWS) if show != "flaky" else []
    return {
        "chips": chips,
        "flaky": found,
        "rows": rows,
        "total": counts[show],
        "most": ROWS,
        "scope": _scope(request, rows, found),
    }


def _flaky(row: dict[str, Any]) -> dict[str, Any]:
    """A flaky commit with the addresses of its page and of its runs'."""
    site = row["html_url"]
    runs = [{"run_id": one, "url": site and f"{site}/actions/runs/{one}"} for one in row["run_ids"]]
    return row | {"commit_url": site and f"{site}/commit/{row['head_sha']}", "runs": runs}


def _scope(request: HttpRequest, rows: list[dict[str, Any]], flaky: list[dict[str, Any]]) -> str:
    """What the runs are of, in words."""
    of = next((row["repository"] for row in rows + flaky if request.GET.get("workflow_id")), whose(request).get("repository", ""))
    return " ".join(part for part in (of or "all repositories", request.GET.get("period", "")) if part)


@page("devops/items/", "devops_items", action="view_devops", top=True)
@shown("devops/items.html", "Left out or inferred")
def items(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """The changes, deployments and incidents that a metric leaves out or rests on by inference."""
    filters = whose(request) | given(request, "metric", "kind", "from", "to")
    return {"rows": queries.DORA_ITEMS.rows(cursor, filters, limit=ROWS), "most": ROWS}


@page("devops/changes/", "devops_changes", action="view_devops", top=True)
@shown("devops/changes.html", "Changes")
def changes(request: HttpRequest, cursor: CursorWrapper) -> dict[str, Any]:
    """The changes behind lead time and coverage."""
    filters: dict[str, Any] = dict(whose(request))
    filters |= {name: value for name, value in given(request, "month", "authored").items() if MONTH.fullmatch(value)}
    if request.GET.get("deployed") in ("true", "false"):
        filters["deployed"] = request.GET["deployed"] == "true"
    filters["deployment"] = number(request, "deployment")
    return {"rows": queries.CHANGES.rows(cursor, filters, limit=ROWS), "most": ROWS}


def _period(request: HttpRequest) -> dict[str, Any]:
    """The stretch of a month or day in the address."""
    try:
        value = request.GET.get("period", "")
        return {"from": begin(value), "to": end(value)} if value not in ("", "all") else {}
    except ValueError:
        return {}
