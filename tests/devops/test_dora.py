"""The five metrics on small histories whose figures are worked out by hand: one trap each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.devops.organisation import Organisation, at

HOUR, DAY = 3600, 86400


def leads(org: Organisation) -> dict[str, int | None]:
    org.refresh()
    return {row["sha"]: row["lead_s"] for row in org.gold("changes")}


def deployment(org: Organisation, number: int) -> dict[str, Any]:
    (row,) = org.gold("deployment_timeline", where=f"deployment_id = {number}")
    return row


def reasons(org: Organisation, item: Any) -> list[tuple[str, str]]:
    return [(row["metric"], row["kind"]) for row in org.gold("dora_items", where=f"item = '{item}'", order="metric, kind")]


def test_a_squash_keeps_the_dates_of_the_original_commits(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.pull([("a", "01-02", ("root",)), ("b", "01-03", ("a",))], merge_sha="squash", merged="01-04")
    org.commit("squash", "01-04", "root", message="Both (#1)")
    org.deploy("squash", ("success", "01-06"))
    assert leads(org) == {"a": 4 * DAY, "b": 3 * DAY}
    row = org.dora()
    assert (row["changes"], row["lead_time_coverage"]) == (2, 1)
    assert (row["change_lead_time_s"], row["change_lead_time_p95_s"]) == (3 * DAY, 4 * DAY)  # nearest rank: the first of two


def test_a_rebase_is_matched_commit_by_commit(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.pull([("a", "01-02", ("root",)), ("b", "01-03", ("a",))], merge_sha="b2", merged="01-04")
    org.commit("a2", "01-02", "root", message="Commit a")
    org.commit("b2", "01-03", "a2", message="Commit b")
    org.deploy("a2", ("success", "01-05"))
    org.deploy("b2", ("success", "01-09"))
    assert leads(org) == {"a": 3 * DAY, "b": 6 * DAY}
    assert [row["method"] for row in org.gold("changes")] == ["rebase", "rebase"]
    assert reasons(org, "a") == [("change_lead_time", "inferred")]


def test_a_merge_brings_the_commits_themselves(org: Organisation) -> None:
    org.commit("root", "01-01")
    for sha, parents in (("a", ["root"]), ("m", ["root", "a"])):
        org.commit(sha, "01-02", *parents)
    org.pull([("a", "01-02", ("root",))], merge_sha="m", merged="01-02")
    org.deploy("m", ("success", "01-03"))
    assert leads(org) == {"a": DAY}


def test_a_commit_pushed_directly_is_a_change_and_the_first_commit_is_none(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("direct", "01-02", "root")
    org.deploy("direct", ("success", "01-02 01:00"))
    assert leads(org) == {"direct": HOUR}


def test_commits_that_never_reached_production_lower_the_coverage(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("b", "02-02", "a")
    org.deploy("a", ("success", "01-03"))
    org.deploy("b", ("failure", "02-03"))
    org.deploy("b", ("success", "02-03"), environment="staging")
    assert leads(org) == {"a": DAY, "b": None}
    assert [org.dora(period)["lead_time_coverage"] for period in ("all", "2026-01", "2026-02")] == [0.5, 1, 0]
    assert reasons(org, "b") == [("change_lead_time", "excluded")]
    assert org.dora("2026-02")["change_lead_time_s"] is None


def test_the_first_deployment_brings_everything_before_it(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("b", "01-03", "a")
    first = org.deploy("b", ("success", "01-05"))
    assert leads(org) == {"a": 3 * DAY, "b": 2 * DAY}
    row = deployment(org, first)
    assert (row["changes"], row["rework"], row["failed"]) == (2, False, False)


def test_a_rollback_fails_what_it_rolled_back_and_is_rework(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("b", "01-03", "a")
    good = org.deploy("a", ("success", "01-04"))
    bad = org.deploy("b", ("success", "01-05"))
    back = org.deploy("a", ("success", "01-05 06:00"))
    assert leads(org) == {"a": 2 * DAY, "b": 2 * DAY}  # the second deployment of a brings nothing
    assert [deployment(org, number)["failed_by"] for number in (good, bad, back)] == [None, "rollback", None]
    assert [deployment(org, number)["rework_by"] for number in (good, bad, back)] == [None, None, "ancestry"]
    row = org.dora("2026-01")
    assert (row["failed"], row["rework"], row["deployments"]) == (1, 1, 3)
    assert row["failed_deployment_recovery_s"] == 6 * HOUR
    assert ("change_fail_rate", "inferred") in reasons(org, bad)


def test_the_same_commit_again_is_no_rollback(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.deploy("a", ("success", "01-04"))
    org.deploy("a", ("success", "01-05"))
    org.refresh()
    assert (org.dora()["failed"], org.dora()["rework"]) == (0, 0)


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"payload": {"kind": "hotfix"}}, "payload"),
        ({"payload": json.dumps({"kind": "rollback"})}, "payload"),
        ({"payload": "{not json"}, None),
        ({"payload": {"kind": "deploy"}}, None),
        ({"payload": ["hotfix"]}, None),
        ({"ref": "hotfix/12"}, "ref"),
        ({"ref": "feature/hotfix/12"}, None),
    ],
)
def test_what_makes_a_deployment_a_repair(org: Organisation, more: dict[str, Any], by: str | None) -> None:
    org.commit("root", "01-01")
    number = org.deploy("root", ("success", "01-04"), **more)
    org.refresh()
    assert deployment(org, number)["rework_by"] == by


def test_a_hotfix_that_went_out_before_its_merge_counts_from_then(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.pull([("fix", "01-02", ("root",))], merge_sha="squash", merged="01-04")
    org.commit("squash", "01-04", "root", message="Fix (#1)")
    org.deploy("fix", ("success", "01-02 02:00"), ref="hotfix/1")
    org.deploy("squash", ("success", "01-05"))
    assert leads(org) == {"fix": 2 * HOUR}
    assert org.dora()["rework"] == 1


def test_an_incident_fails_the_deployment_that_it_names_until_it_is_closed(org: Organisation) -> None:
    org.commit("root", "01-01")
    closed, still_open, linked = (org.deploy("root", ("success", f"01-0{day}")) for day in (4, 5, 6))
    org.incident(f"Caused by deployment {closed} (abc).", "01-04", "01-04 03:00")
    org.incident(f"again deployment {closed}", "01-04", "01-09")  # the first one counts
    waiting = org.incident(f"Caused by deployment {still_open}.", "01-05")
    org.incident(f"Deployment: https://api.github.test/repos/octo/portal/deployments/{linked}", "01-06", "01-06 01:00")
    org.refresh()
    row = org.dora()
    assert (row["failed"], row["recovered"], row["not_recovered"]) == (3, 2, 1)
    assert row["failed_deployment_recovery_s"] == HOUR  # of 1 h and 3 h
    assert deployment(org, still_open)["incidents"] == [waiting]
    assert reasons(org, still_open) == [("failed_deployment_recovery_time", "excluded")]


def test_an_incident_without_a_link_blames_nobody(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.deploy("root", ("success", "01-04"))
    elsewhere = org.deploy("root", ("success", "01-05"), environment="staging")
    silent = org.incident("Upstream provider is down.", "01-04", "01-05")
    wrong = org.incident(f"deployment {elsewhere}", "01-05", "01-05")
    org.incident(f"deployment {elsewhere}", "01-05", "01-05", label="bug")
    org.refresh()
    assert org.dora()["failed"] == 0
    assert [row["number"] for row in org.gold("incidents", order="number")] == [silent, wrong]
    for number in (silent, wrong):
        assert reasons(org, number) == [("change_fail_rate", "excluded")]


def test_a_success_counts_whatever_came_before_or_after_it(org: Organisation) -> None:
    org.commit("root", "01-01")
    mended = org.deploy(
        "root", ("failure", "01-04 10:00"), ("success", "01-04 11:00"), ("success", "01-05 11:00"), ("inactive", "01-06")
    )
    never = org.deploy("root", ("queued", "01-05"), ("error", "01-05 01:00"))
    silent = org.deploy("root")
    org.refresh()
    assert deployment(org, mended)["succeeded_at"] == at("01-04 11:00")
    assert deployment(org, mended)["states"] == ["failure", "success", "success", "inactive"]
    assert (org.dora()["deployments"], org.dora()["production_attempts"]) == (1, 3)
    for number in (never, silent):
        assert reasons(org, number) == [("deployment_frequency", "excluded")]


def test_production_is_a_name_in_any_case(org: Organisation) -> None:
    org.commit("root", "01-01")
    for name in ("production", "Production", "PROD", "production-eu", "staging", "preprod"):
        org.deploy("root", ("success", "01-04"), environment=name)
    org.refresh()
    assert org.dora()["deployments"] == 3


def test_months_are_utc_and_frequencies_are_by_days_inside_the_window(org: Organisation) -> None:
    org.commit("root", "2026-01-22")
    org.deploy("root", ("success", "01-31 23:59"))
    org.deploy("root", ("success", "02-01 00:00"))
    org.refresh()
    rows = {row["period"]: row for row in org.gold("dora")}
    assert sorted(rows) == ["2026-01", "2026-02", "all"]  # now is the first instant of March
    assert [(float(rows[month]["days"]), rows[month]["deployments"]) for month in ("2026-01", "2026-02")] == [(10, 1), (28, 1)]
    assert float(rows["2026-01"]["deployment_frequency"]) == 0.1
    assert float(rows["all"]["deployment_frequency"]) == pytest.approx(2 / 38, abs=1e-15)


def test_a_deployment_of_an_unknown_commit_counts_and_brings_nothing(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    number = org.deploy("gone", ("success", "01-04"))
    assert leads(org) == {"a": None}
    assert org.dora()["deployments"] == 1
    assert ("change_lead_time", "excluded") in reasons(org, number)


def test_a_merge_that_is_not_loaded_leaves_the_original_commits_to_be_found(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.pull([("a", "01-02", ("root",))], merge_sha="elsewhere", merged="01-03")
    org.deploy("a", ("success", "01-04"))
    assert leads(org) == {"a": 2 * DAY}
    assert [row["method"] for row in org.gold("changes")] == ["unknown"]


def test_unmerged_pull_requests_bring_no_change(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.pull([("a", "01-02", ("root",))], merge_sha="trial", merged=None)
    org.deploy("a", ("success", "01-04"), environment="preview")
    assert leads(org) == {}


def test_a_commit_of_two_pull_requests_is_one_change(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("m", "01-03", "root", "a")
    for _ in range(2):
        org.pull([("a", "01-02", ("root",))], merge_sha="m", merged="01-03")
    org.deploy("m", ("success", "01-04"))
    assert leads(org) == {"a": 2 * DAY}


def test_deleted_rows_are_left_out(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    kept, gone = (org.deploy("a", ("success", f"01-0{day}")) for day in (3, 4))
    issue = org.incident(f"deployment {kept}", "01-03", "01-04")
    org.refresh()
    assert (org.dora()["deployments"], org.dora()["failed"]) == (2, 1)
    org.delete("deployments", id=gone)
    org.delete("issues", number=issue)
    org.delete("commits", sha="a")
    org.refresh()
    assert (org.dora()["deployments"], org.dora()["failed"]) == (1, 0)
    assert org.gold("changes") == []
    org.delete("repositories", id=org.repository_id)
    assert org.refresh().removed == [org.repository_id]
    assert org.gold("dora") == org.gold("deployment_timeline") == []


def test_a_repository_without_commits_has_no_figures_and_one_without_deployments_has_zeros(org: Organisation) -> None:
    org.refresh()
    assert org.gold("dora") == []
    org.commit("root", "02-01")
    org.commit("a", "02-02", "root")
    org.refresh()
    row = org.dora("2026-02")
    assert (row["deployments"], row["deployment_frequency"], row["change_fail_rate"], row["changes"]) == (0, 0, None, 1)
