"""The GitHub connector against a simulated organisation: whatever happens while it reads, bronze equals the truth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors import services
from connectors.sources.github import api
from connectors.sources.github.tables import TABLES
from tests.acceptance.github import COUNTED, LISTS, TOKEN
from tests.support.github import plain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FAULTS = {
    "rate-limit": ["rate-limit@40:1", "rate-limit@150:1"],
    "secondary-limit": ["secondary-limit@90:1", "secondary-limit@170:1:429"],
    "http502": ["http502@20-22", "http502@150"],
    "truncate": ["truncate@33", "truncate@180-182"],
    "timeout": ["timeout@60:2", "timeout@120:2"],
    "drop": ["drop@77", "drop@190-191"],
    "page-shift": ["page-shift"],
    "same-updated-at": ["same-updated-at"],
    "transfer": ["transfer"],
    "repo-gone": ["repo-gone@100"],
    "no-issues": ["no-issues"],
}


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connectors reach loopback; do not wait a minute for an answer."""
    import httpx

    from connectors.engine import client

    settings.IPAI_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(1.5))
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.05)


@pytest.fixture
def connect(tenant: Any, actor: Any) -> Any:
    """A connector for a simulated organisation."""

    def make(server: Any, **config: Any) -> Any:
        return services.create_connector(
            actor=actor,
            tenant=tenant,
            name="github",
            connector_type="github",
            config={"api_url": server.url, "owner": "lumenforge"} | config,
            secrets={"token": TOKEN},
        )

    return make


def assert_equal(server: Any, rows: Any) -> None:
    """Every count of every repository is the simulator's; of one that is gone, whatever was read stays."""
    truth, state = server.truth(), server.control("GET", "state")
    left_out = {repo["id"] for repo in state["repos"] if repo["gone"]}
    silent = {repo["id"] for repo in server.all("orgs/lumenforge/repos") if not repo["has_issues"]}
    read = {table for (table,) in rows("SELECT stream FROM ipai_connector_state")}
    for table, word in COUNTED.items():
        if table not in read:
            continue
        found = dict(rows(f"SELECT repository_id, count(*) FROM {TABLES[table].target} WHERE _deleted_at IS NULL GROUP BY 1"))
        skipped = left_out | (silent if table == "issues" else set())
        wanted = {repo["id"]: repo["counts"][word] for repo in truth["repos"].values()}
        assert {id: count for id, count in found.items() if id not in skipped} == {
            id: count for id, count in wanted.items() if count and id not in skipped
        }, table
    earlier = {repo["id"]: repo["counts"]["run_attempts"] - repo["counts"]["runs"] for repo in truth["repos"].values()}
    found = dict(rows("SELECT repository_id, count(*) FROM ipai_bronze_devops.workflow_run_attempts GROUP BY 1"))
    assert {id: count for id, count in earlier.items() if count and id not in left_out} == {
        id: count for id, count in found.items() if id not in left_out
    }
    assert rows("SELECT count(*) FROM ipai_bronze_devops.repositories WHERE _deleted_at IS NULL") == [(truth["repositories"],)]


def assert_same_objects(server: Any, rows: Any) -> None:
    """Every object that is in a list of a repository is in ``_raw`` as it is there."""
    for repo in server.all("orgs/lumenforge/repos"):
        if not repo["size"] or repo["name"] == "sandbox":
            continue
        for table, (path, wrap) in LISTS.items():
            if table == "issues" and not repo["has_issues"]:
                continue
            name = "sha" if table == "commits" else "id"
            there = {item[name]: plain(item) for item in server.all(f"repos/{repo['full_name']}/{path}", wrap)}
            if table == "issues":
                there = {key: item for key, item in there.items() if "pull_request" not in item}
            condition = f"repository_id = {repo['id']} AND _deleted_at IS NULL"
            ours = rows(f"SELECT {name}, _raw FROM {TABLES[table].target} WHERE {condition}")
            # What a milestone counts is no change of the issue, and runs are asked without their pull requests.
            moving = ("milestone", "pull_requests")
            assert {key: without(plain(json.loads(raw)), moving) for key, raw in ours} == {
                key: without(item, moving) for key, item in there.items()
            }, (repo["full_name"], table)


def without(item: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


@pytest.mark.parametrize("seed", ["1", "5"])
def test_full_and_incremental_equal_the_truth(github_server: Any, connect: Any, run_now: Any, rows: Any, seed: str) -> None:
    server = github_server("--seed", seed, "--months", "2", "--rate-limit", "100000")
    connector = connect(server)
    good(run_now(connector, mode="full"))
    assert_equal(server, rows)
    used = server.used()
    run = good(run_now(connector))
    assert server.used() - used == 0, "a quiet hour costs nothing"
    for events in (1, 40, 400):
        server.control("POST", f"tick?events={events}")
        good(run_now(connector))
        assert_equal(server, rows)
        assert_same_objects(server, rows)
    run = good(run_now(connector, mode="full"))
    assert_equal(server, rows)
    assert sum(stream["deleted"] + stream["written"] for stream in run.metadata["streams"]) == 0


@pytest.mark.parametrize("kind", [*FAULTS, "all"])
def test_faults_lose_nothing(github_server: Any, connect: Any, run_now: Any, rows: Any, kind: str) -> None:
    faults = [fault for name, some in FAULTS.items() if kind in (name, "all") for fault in some]
    options = [part for fault in faults for part in ("--fault", fault)]
    server = github_server("--months", "1", "--rate-limit", "100000", *options)
    connector = connect(server, jobs=kind == "all")
    good(run_now(connector, mode="full"))
    assert server.met(faults), "every fault came about"
    server.control("DELETE", "fault")  # the simulator also lets go of first pages that it kept although they had moved
    good(run_now(connector))
    assert_equal(server, rows)
    server.control("POST", "tick?events=150")
    good(run_now(connector))
    assert_equal(server, rows)
    assert_same_objects(server, rows)


def test_the_limit_of_an_hour_is_waited_for(github_server: Any, connect: Any, run_now: Any, rows: Any) -> None:
    server = github_server("--months", "1", "--rate-limit", "100000", "--fault", "rate-limit@50:2")
    run = good(run_now(connect(server, jobs=False)))
    assert_equal(server, rows)
    assert any("Waiting for GitHub's rate limit until" in line.message for line in run.log.all())
