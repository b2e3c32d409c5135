"""Every number of a simulated GitHub's truth beside the figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from devops import queries
from ipai.access.models import Role
from ipai.access.sessions import Claims, governed

CI = (
    "runs",
    "completed",
    "success_rate",
    "success_rate_ran",
    "flaky_groups",
    "judged_groups",
    "flaky_rate",
    "rerun_runs",
    "rerun_rate",
)


OF_INCIDENTS = ("failed", "change_fail_rate", "failed_deployment_recovery_s", "recovered", "not_recovered")


def differences(truth: dict[str, Any], but: Collection[str] = (), untold: Collection[str] = ()) -> list[tuple[Any, ...]]:
    """Every number of the simulation's truth that the figures do not say, of all repositories ``but`` some.

    Of ``untold`` ones, whose issues are switched off, GitHub tells no incidents: what rests on these is left out.
    """
    found: list[tuple[Any, ...]] = []
    with governed(Claims("acceptance", "default", (Role.OPERATOR.value,))) as cursor:
        for name, right in truth["repos"].items():
            if name in but:
                continue
            only = {"repository": name}
            metrics = {(row["workflow_id"], row["period"]): row for row in queries.CI_METRICS.rows(cursor, only)}
            found += compare_ci(name, metrics, right["ci"])
            found += compare_dora(name, {row["period"]: row for row in queries.DORA.rows(cursor, only)}, right["dora"])
            deployments = queries.DEPLOYMENTS.rows(cursor, only)[::-1]
            found += compare_deployments(name, deployments, right)
            bundles = queries.SPEC_COMPLIANCE.rows(cursor, only)
            ours = [(row["bundle"], row["layout"], row["compliant"], sorted(row["problems"])) for row in bundles]
            theirs = [(one["path"], one["layout"], one["compliant"], sorted(one["reasons"])) for one in right["spec"]["bundles"]]
            found += [(name, "spec", ours, theirs)] if ours != sorted(theirs) else []
    return [one for one in found if not (one[0] in untold and set(OF_INCIDENTS) & set(map(str, one[1:3])))]


def unequal(ours: Any, theirs: Any) -> bool:
    """Rates of the truth are rounded to six digits."""
    if ours is None or theirs is None or not isinstance(theirs, int | float):
        return bool(ours != theirs)
    return abs(ours - theirs) > 1e-6


def compare_ci(name: str, rows: dict[Any, Any], right: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    expected = {(one["id"], period): part for one in right.values() for period, part in [("all", one), *one["months"].items()]}
    if set(expected) != {key for key, row in rows.items() if row["granularity"] != "day"}:
        yield name, "ci", sorted(rows), sorted(expected)
    for key, part in expected.items():
        row = rows.get(key, {})
        pairs = [(field, row.get(field), part[field]) for field in (*CI, "by_conclusion")]
        pairs += [
            (f"{what}_{p}", row.get(f"{what}_{p}_s"), part[f"{what}_s"][p])
            for what in ("duration", "queue")
            for p in ("p50", "p95")
        ]
        yield from ((name, key, *pair) for pair in pairs if unequal(*pair[1:]))


def compare_dora(name: str, rows: dict[str, Any], right: dict[str, Any] | None) -> Iterator[tuple[Any, ...]]:
    if right is None or set(rows) != {"all", *right["months"]}:
        if rows or right:
            yield name, "dora", sorted(rows), right and sorted(right["months"])
        return
    for period, part in [("all", right), *right["months"].items()]:
        pairs = {
            "deployments": part["deployments"],
            "deployment_frequency": part["per_day"],
            "change_lead_time_s": part["lead_time_s"]["p50"],
            "change_lead_time_p95_s": part["lead_time_s"]["p95"],
            "deployed_changes": part["lead_time_s"]["changes"],
            "changes": part["changes"],
            "lead_time_coverage": part["lead_coverage"],
            "failed": part["failed"],
            "change_fail_rate": part["change_fail_rate"],
            "failed_deployment_recovery_s": part["recovery_s"]["p50"],
            "recovered": part["recovery_s"]["recovered"],
            "not_recovered": part["recovery_s"]["open"],
            "rework": part["rework"],
            "deployment_rework_rate": part["rework_rate"],
        }
        row = rows[period]
        yield from ((name, period, field, row[field], value) for field, value in pairs.items() if unequal(row[field], value))
    if rows["all"]["production_attempts"] != right["production_attempts"]:
        yield name, "production_attempts", rows["all"]["production_attempts"], right["production_attempts"]


def compare_deployments(name: str, rows: list[dict[str, Any]], right: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    ours = {row["deployment_id"]: row for row in rows}
    if set(ours) != {one["id"] for one in right["deployments"]}:
        yield name, "deployments", len(ours), len(right["deployments"])
        return
    for one in right["deployments"]:
        row = ours[one["id"]]
        stamps = {field: row[field] and row[field].strftime("%Y-%m-%dT%H:%M:%SZ") for field in ("created_at", "succeeded_at")}
        said = {field: (row | stamps)[field] for field in one if field != "id"}
        if said != {field: value for field, value in one.items() if field != "id"}:
            yield name, one["id"], said, one
    for field in ("failed", "rework"):
        listed = (right["dora"] or {}).get(f"{field}_deployment_ids", [])
        if sorted(number for number, row in ours.items() if row[field]) != listed:
            yield name, field, listed
