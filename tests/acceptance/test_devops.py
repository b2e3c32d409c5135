"""The DevOps figures after syncs of a simulated GitHub equal the simulation's own, number by number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from connectors import services
from connectors.models import Status
from devops import queries
from devops.gold.bronze import as_json
from ipai.access.models import Role
from ipai.access.sessions import Claims, governed
from tests.acceptance.conftest import SIMS
from tests.acceptance.github import TOKEN, GitHubServer

pytestmark = [pytest.mark.django_db(transaction=True)]

FAULTS = ["http502@7", "truncate@15", "drop@23", "secondary-limit@31:1", "page-shift@3", "http502@200-201", "no-issues", "transfer"]
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


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any) -> None:
    """Let connectors reach loopback."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True


@pytest.fixture
def serve() -> Iterator[Any]:
    """Start simulated GitHubs: ``serve("--seed", "2")``."""
    running: list[GitHubServer] = []

    def start(*options: str) -> GitHubServer:
        running.append(GitHubServer(SIMS, "--rate-limit", "1000000", *options))  # waiting for the hour is tested elsewhere
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def sync(tenant: Any, actor: Any, run_now: Any, settings: Any) -> Any:
    """Run the connector of a server, with the simulation's now as now: ``sync(server, mode="full")``."""
    made: dict[str, Any] = {}

    def run(server: GitHubServer, mode: str = "full") -> Any:
        if server.url not in made:
            config = {"owner": "lumenforge", "api_url": server.url}
            made[server.url] = services.create_connector(
                actor=actor, tenant=tenant, name="github", connector_type="github", config=config, secrets={"token": TOKEN}
            )
        settings.IPAI_NOW = datetime.fromisoformat(server.truth()["window"]["now"])
        done = run_now(made[server.url], mode=mode)
        assert done.status == Status.SUCCESS, done.error_message
        return done

    return run


def differences(truth: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Every number of the simulation's truth that the figures do not say."""
    found: list[tuple[Any, ...]] = []
    with governed(Claims("acceptance", "default", (Role.OPERATOR.value,))) as cursor:
        for name, right in truth["repos"].items():
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
    return found


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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_full_sync_and_an_incremental_one_give_the_true_figures(serve: Any, sync: Any, seed: str) -> None:
    server = serve("--seed", seed)
    sync(server)
    assert differences(server.truth())[:10] == []
    for _ in range(2):
        server.control("POST", "tick?events=400&mode=silent")
        sync(server, "incremental")
        assert differences(server.truth())[:10] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_faults_do_not_change_the_figures(serve: Any, sync: Any) -> None:
    server = serve("--seed", "3", *(word for fault in FAULTS for word in ("--fault", fault)))
    sync(server)
    sync(server, "incremental")  # shifted pages are new events, after which now is later
    assert differences(server.truth())[:10] == []


def test_decoded_json_is_what_was_written() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '{\"a\": [1]}'::jsonb")
        assert as_json(cursor.fetchone()[0]) == {"a": [1]}
