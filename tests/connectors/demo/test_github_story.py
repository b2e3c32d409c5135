"""The made-up organisation: the same past whenever it is told, and something of everything in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.demo.github import app
from connectors.demo.github.model import Organisation
from connectors.demo.github.story import demo_organisation
from devops.gold.anomalies import Sample, slower

NOW = datetime(2026, 3, 18, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def lamps() -> Organisation:
    """The organisation on a day in March 2026; nobody changes it."""
    return demo_organisation(NOW)


def test_the_past_stays_as_it_was(lamps: Organisation) -> None:
    later = demo_organisation(NOW + timedelta(hours=50))
    for before, after in zip(lamps.repositories, later.repositories, strict=True):
        assert before.commits.items() <= after.commits.items()
        assert before.issues.keys() <= after.issues.keys()
        assert {item["sha"] for item in before.reached(before.tip)} <= {item["sha"] for item in after.reached(after.tip)}
        for run_id, attempts in before.runs.items():
            ended = [one for one in attempts if one["status"] == "completed"]
            assert ended == after.runs[run_id][: len(ended)]
        for deployment_id, statuses in before.statuses.items():
            assert statuses == after.statuses[deployment_id][: len(statuses)]
    assert demo_organisation(NOW) == lamps


@pytest.mark.parametrize("month", range(1, 13))
def test_there_is_something_to_see_in_every_month(month: int) -> None:
    found = demo_organisation(datetime(2026, month, 17, 12, tzinfo=UTC))
    shop = found.named("lamp-shop")
    states = {state["state"] for statuses in shop.statuses.values() for state in statuses}
    assert {"queued", "in_progress", "success", "failure", "inactive"} <= states
    kinds = {len(shop.commits[pull["merge_commit_sha"]]["parents"]) for pull in shop.pulls.values() if pull["merged_at"]}
    assert kinds == {1, 2}
    incidents = [issue for issue in shop.issues.values() if {"incident"} & {label["name"] for label in issue["labels"]}]
    assert any(f"deployment {id}" in incident["body"] for incident in incidents for id in shop.deployments)
    assert {"hotfix", "rollback"} & {deployment["payload"].get("kind") for deployment in shop.deployments.values()}
    assert any(len(attempts) > 1 for attempts in shop.runs.values())
    assert found.named("lamp-design").releases
    assert found.named("lamp-lab").tip is None


@pytest.mark.parametrize("day", range(0, 120, 5))
def test_at_any_time_something_is_red_something_runs_and_something_is_slower_than_it_was(day: int) -> None:
    now = datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(days=day)
    repos = demo_organisation(now).repositories
    scheduled = [attempts[-1] for repo in repos for attempts in repo.runs.values() if attempts[-1]["event"] == "schedule"]
    latest = {run["workflow_id"]: run for run in sorted(scheduled, key=lambda run: run["created_at"])}
    decided = {run["workflow_id"]: run for run in sorted(scheduled, key=lambda run: run["created_at"]) if run["conclusion"]}
    assert sum(run["conclusion"] == "failure" for run in decided.values()) == 1
    assert sum(run["status"] == "in_progress" for run in latest.values()) == 1
    found = [workflow for workflow in latest if slower([sample(run) for run in scheduled if run["workflow_id"] == workflow], now)]
    assert 1 <= len(found) <= 2


def sample(run: dict[str, Any]) -> Sample:
    """A run as the anomalies take it."""
    began, ended = (datetime.fromisoformat(run[name]) for name in ("created_at", "updated_at"))
    good = run["conclusion"] == "success"
    return Sample(began, not good, (ended - began).total_seconds() if good else None)


def test_nothing_lies_in_the_future(lamps: Organisation) -> None:
    now = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    for repo in lamps.repositories:
        things: list[dict[str, Any]] = [*repo.issues.values(), *repo.pulls.values(), *repo.deployments.values(), *repo.releases]
        things += [attempt for attempts in repo.runs.values() for attempt in attempts]
        assert all(thing["created_at"] <= thing["updated_at"] <= now for thing in things)


def test_the_demo_follows_the_clock_by_the_hour() -> None:
    moment = [NOW]
    fake = app(lambda: moment[0])
    headers = {"Authorization": "Bearer made-up-token"}
    with httpx.Client(transport=httpx.WSGITransport(app=fake), base_url="https://github.demo.invalid", headers=headers) as http:
        path = "/repos/demo-lamps/lamp-shop/actions/runs"
        before = http.get(path).json()["total_count"]
        moment[0] = NOW + timedelta(days=3)
        assert http.get(path).json()["total_count"] > before
        assert http.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
