"""Figures of workflows on runs that are counted by hand."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

import pytest

from tests.devops.organisation import Organisation, at


def metrics(org: Organisation, period: str = "all") -> dict[str, Any]:
    org.refresh()
    (row,) = org.gold("ci_metrics", where=f"period = '{period}'")
    return row


def status(org: Organisation) -> dict[str, Any]:
    org.refresh()
    (row,) = org.gold("ci_status")
    return row


def test_cancelled_runs_are_no_failures_and_skipped_ones_no_successes(org: Organisation) -> None:
    ci = org.workflow("CI")
    for conclusion in ("success", "success", "failure", "timed_out", "cancelled", "skipped", "action_required", None):
        org.run(ci, conclusion, "01-05")
    row = metrics(org)
    assert (row["runs"], row["completed"]) == (8, 7)
    assert float(row["success_rate"]) == pytest.approx(2 / 6)  # without the cancelled and the unfinished one
    assert float(row["success_rate_ran"]) == 2 / 4


def test_percentiles_are_by_nearest_rank_over_runs_that_ran(org: Organisation) -> None:
    ci = org.workflow("CI")
    for seconds in range(1, 21):
        org.run(ci, "success" if seconds % 2 else "failure", "01-05", seconds=seconds * 100, queue=seconds)
    org.run(ci, "cancelled", "01-05", seconds=9_999, queue=50)
    row = metrics(org)
    assert (row["duration_p50_s"], row["duration_p95_s"]) == (1000, 1900)
    assert (row["queue_p50_s"], row["queue_p95_s"]) == (10, 19)
    assert float(row["runner_minutes"]) == pytest.approx((sum(s * 99 for s in range(1, 21)) + 9_949) / 60, abs=0.01)


def test_without_jobs_there_is_no_queue(org: Organisation) -> None:
    org.run(org.workflow("CI"), "success", "01-05")
    assert [metrics(org)[name] for name in ("queue_p50_s", "runner_minutes")] == [None, None]


def test_the_latest_attempt_decides_and_makes_a_rerun(org: Organisation) -> None:
    ci = org.workflow("CI")
    run = org.run(ci, "success", "01-05", seconds=70, run_attempt=2, queue=7)
    org.earlier_attempt(run, 1, "failure")
    org.insert("workflow_jobs", id=1, repository_id=org.repository_id, run_id=run, run_attempt=1, started_at=at("01-01"))
    org.run(ci, "success", "01-05")
    row = metrics(org)
    assert (row["success_rate"], row["rerun_runs"], float(row["rerun_rate"])) == (1, 1, 0.5)
    assert row["queue_p95_s"] == 7  # jobs of the earlier attempt do not count


def test_flaky_is_a_commit_that_failed_and_succeeded_over_runs_and_attempts(org: Organisation) -> None:
    ci, lint = org.workflow("CI"), org.workflow("Lint")
    run = org.run(ci, "success", "01-05", head_sha="a", run_attempt=2)
    org.earlier_attempt(run, 1, "timed_out")
    org.run(ci, "failure", "01-31 23:00", head_sha="b")
    org.run(ci, "success", "02-01 01:00", head_sha="b")  # the group belongs to January
    org.run(ci, "cancelled", "01-05", head_sha="c")
    org.run(ci, "success", "01-05", head_sha="c")
    org.run(ci, "cancelled", "01-05", head_sha="d")  # judged by nothing
    org.run(lint, "failure", "01-05", head_sha="c")  # another workflow
    org.refresh()
    found = {row["period"]: row for row in org.gold("ci_metrics", where=f"workflow_id = {ci}")}
    assert [(found[period]["flaky_groups"], found[period]["judged_groups"]) for period in ("all", "2026-01", "2026-02")] == [
        (2, 3),
        (2, 3),
        (0, 0),
    ]
    assert found["2026-01-31"]["flaky_rate"] == 1
    assert found["2026-02"]["flaky_rate"] is None


def test_days_and_months_are_utc(org: Organisation) -> None:
    ci = org.workflow("CI")
    org.run(ci, "success", "01-31 23:59:59")
    org.run(ci, "failure", "02-01 00:00:00")
    org.refresh()
    assert {row["period"]: row["success_rate"] for row in org.gold("ci_metrics")} == {
        "2026-01-31": 1,
        "2026-01": 1,
        "2026-02-01": 0,
        "2026-02": 0,
        "all": 0.5,
    }


def test_a_workflow_without_runs_is_listed_and_one_that_is_gone_keeps_its_runs(org: Organisation) -> None:
    legacy, gone = org.workflow("Legacy"), org.workflow("Gone")
    org.run(gone, "success", "01-05")
    org.delete("workflows", id=gone)
    org.refresh()
    assert {row["workflow"]: row["runs"] for row in org.gold("ci_metrics", where="period = 'all'")} == {"Legacy": 0, "A run": 1}
    assert org.gold("ci_status") == []
    assert legacy != gone


def test_a_deleted_run_leaves_the_figures(org: Organisation) -> None:
    ci = org.workflow("CI")
    run = org.run(ci, "failure", "01-05")
    org.run(ci, "success", "01-05")
    assert float(metrics(org)["success_rate"]) == 0.5
    org.delete("workflow_runs", id=run)
    assert float(metrics(org)["success_rate"]) == 1


def test_a_run_that_goes_on_changes_the_figures_of_its_workflow_only(org: Organisation) -> None:
    ci, lint = org.workflow("CI"), org.workflow("Lint")
    run = org.run(ci, None, "01-05")
    org.run(lint, "success", "01-05")
    org.refresh()
    org.run(ci, "failure", "01-05", id=run, seconds=300)
    org.refresh()
    assert {
        row["workflow"]: (row["completed"], row["duration_p50_s"]) for row in org.gold("ci_metrics", where="period = 'all'")
    } == {
        "CI": (1, 300),
        "Lint": (1, 60),
    }


def test_red_since_the_first_of_the_failures_and_who_began_it(org: Organisation) -> None:
    ci = org.workflow("CI")
    org.run(ci, "success", "02-01")
    first = org.run(ci, "failure", "02-02", seconds=120, actor_login="bob")
    org.run(ci, "cancelled", "02-03")
    org.run(ci, "timed_out", "02-04", actor_login="eve")
    org.run(ci, "success", "02-05", event="pull_request")
    org.run(ci, "success", "02-05", head_branch="feature")
    last = org.run(ci, None, "02-06", actor_login="dan")
    row = status(org)
    assert (row["state"], row["running"], row["runs_in_state"]) == ("red", True, 2)
    assert (row["turned_by"], row["turned_run_id"], row["since"]) == ("bob", first, at("02-02 00:02"))
    assert (row["last_run_id"], row["last_actor"], row["last_conclusion"]) == (last, "dan", None)


def test_green_again(org: Organisation) -> None:
    ci = org.workflow("CI")
    org.run(ci, "failure", "02-01")
    org.run(ci, "success", "02-02")
    org.run(ci, "skipped", "02-03")
    row = status(org)
    assert (row["state"], row["running"], row["runs_in_state"], row["last_conclusion"]) == ("green", False, 1, "skipped")


def test_nothing_decided_is_unknown(org: Organisation) -> None:
    org.run(org.workflow("CI"), "cancelled", "02-01")
    row = status(org)
    assert (row["state"], row["since"]) == ("unknown", None)


def nearest_rank(values: list[int], share: float) -> int | None:
    """Written from the definition: the smallest value that so many values do not exceed."""
    return next((v for v in sorted(values) if sum(other <= v for other in values) >= share * len(values)), None)


@pytest.mark.parametrize("seed", range(4))
def test_random_runs_equal_a_count_by_hand(org: Organisation, seed: int) -> None:
    rng = random.Random(seed)
    ci = org.workflow("CI")
    runs: list[dict[str, Any]] = []
    ends = ["success", "failure", "timed_out", "cancelled", "skipped"]
    for _ in range(60):
        attempts = [rng.choice(ends) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        run = {"attempts": attempts, "month": rng.choice([1, 2]), "day": rng.randint(1, 28), "s": rng.randint(1, 900)}
        run["sha"] = rng.randint(0, 25)
        more = {"head_sha": f"sha{run['sha']}", "run_attempt": len(attempts), "queue": rng.randint(0, 9)}
        number = org.run(ci, attempts[-1], f"2026-{run['month']:02}-{run['day']:02}", run["s"], **more)
        for attempt, conclusion in enumerate(attempts[:-1], 1):
            org.earlier_attempt(number, attempt, conclusion)
        runs.append(run)
    org.refresh()
    groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        groups[run["sha"]].append(run)
    for month in (1, 2):
        (row,) = org.gold("ci_metrics", where=f"period = '2026-{month:02}'")
        mine = [run for run in runs if run["month"] == month]
        last = [run["attempts"][-1] for run in mine]
        assert row["runs"] == len(mine)
        assert float(row["success_rate"]) == pytest.approx(last.count("success") / sum(end != "cancelled" for end in last))
        took = [run["s"] for run in mine if run["attempts"][-1] in ("success", "failure", "timed_out")]
        assert (row["duration_p50_s"], row["duration_p95_s"]) == (nearest_rank(took, 0.5), nearest_rank(took, 0.95))
        assert row["rerun_runs"] == sum(len(run["attempts"]) > 1 for run in mine)
        started = [g for g in groups.values() if min((run["month"], run["day"]) for run in g)[0] == month]
        all_ends = [{end for run in group for end in run["attempts"]} for group in started]
        judged = [found for found in all_ends if found & {"success", "failure", "timed_out"}]
        assert row["judged_groups"] == len(judged)
        assert row["flaky_groups"] == sum("success" in found and bool(found & {"failure", "timed_out"}) for found in judged)
    assert math.isclose(sum(row["runs"] for row in org.gold("ci_metrics", where="granularity = 'day'")), 60)
