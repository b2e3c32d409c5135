"""Webhooks of a simulated GitHub: after a period in which nothing is read, bronze equals the simulator's own truth."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors import services
from connectors.models import ConnectorRun, WebhookDelivery
from tests.acceptance.conftest import SIMS
from tests.acceptance.github import COUNTED, LISTS, TOKEN, GitHubServer
from tests.connectors.webhooks.conftest import SECRET, Portal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
EVENTS = 250


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any) -> None:
    """Let connectors reach loopback."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True


@pytest.fixture
def portal(transactional_db: None, files: Any) -> Iterator[Portal]:
    """A portal that takes webhooks."""
    running = Portal()
    yield running
    running.stop()


@pytest.fixture
def github(portal: Portal) -> Iterator[GitHubServer]:
    """A GitHub that sends its webhooks to the portal."""
    running = GitHubServer(
        SIMS, "--repos", "5", "--months", "3", "--webhook-url", f"{portal.url}/webhooks/github/gh/", "--webhook-secret", SECRET
    )
    yield running
    running.stop()


@pytest.fixture
def loaded(github: GitHubServer, tenant: Any, actor: Any, run_now: Any) -> Any:
    """A connector that has read everything once; the owner is the simulator's first organisation."""
    owners = {name.partition("/")[0] for name in github.truth()["repos"]}
    assert len(owners) == 1
    connector = services.create_connector(
        actor=actor,
        tenant=tenant,
        name="gh",
        connector_type="github",
        config={"owner": owners.pop(), "api_url": github.url, "include_forks": True},
        secrets={"token": TOKEN, "webhook_secret": SECRET},
    )
    run = run_now(connector, mode="full")
    assert run.status == "success", run.error_message
    return connector


def settle(connector: Any) -> None:
    """Process until nothing waits, as the worker does."""
    until = time.monotonic() + 120
    while WebhookDelivery.objects.filter(status="pending").exists():
        services.process_deliveries(connector)
        WebhookDelivery.objects.filter(status="pending").update(retry_at=None)
        assert time.monotonic() < until


def differences(github: GitHubServer, rows: Any) -> list[str]:
    """Where counts or the states of records are not the simulator's."""
    truth = github.truth()
    found = []
    for table, name in COUNTED.items():
        count = rows(f"SELECT count(*) FROM ipai_bronze_devops.{table} WHERE _deleted_at IS NULL")[0][0]
        if count != truth["totals"][name]:
            found.append(f"{table}: {count} rows, {truth['totals'][name]} at GitHub")
    attempts = rows("SELECT count(*) FROM ipai_bronze_devops.workflow_run_attempts WHERE _deleted_at IS NULL")[0][0]
    if attempts != truth["totals"]["run_attempts"] - truth["totals"]["runs"]:
        found.append(f"workflow_run_attempts: {attempts}")
    for repository, told in truth["repos"].items():
        for table, (path, wrap) in LISTS.items():
            if table == "commits" and not told["counts"]["commits"]:
                continue  # an empty repository lists none
            found += _states(github, rows, repository, table, path, wrap)
    return found


def _states(github: GitHubServer, rows: Any, repository: str, table: str, path: str, wrap: str | None) -> list[str]:
    key = "sha" if table == "commits" else "id"
    there = {
        item[key]: item
        for item in github.all(f"repos/{repository}/{path}", wrap)
        if table != "issues" or "pull_request" not in item
    }
    here = rows(
        f"SELECT t.{key}, to_jsonb(t) FROM ipai_bronze_devops.{table} AS t JOIN ipai_bronze_devops.repositories AS r"
        " ON r.id = t.repository_id WHERE r.full_name = %s AND t._deleted_at IS NULL",
        [repository],
    )
    wrong = [f"{table} of {repository}: {len(there)} there, {len(here)} here"] if len(there) != len(here) else []
    for name, found in here:
        row = json.loads(found) if isinstance(found, str) else found
        item = there.get(name, {})
        wrong += [
            f"{table} {name} of {repository}: {column} is {row[column]}, not {item.get(column)}"
            for column in ("state", "status", "conclusion", "run_attempt", "title", "merge_commit_sha", "tag_name")
            if column in row and row[column] != item.get(column)
        ]
    return wrong


@pytest.mark.parametrize("mode", ["normal", "duplicated", "out-of-order", "bad-signature", "lost", "silent", "huge", "mixed"])
def test_a_period_of_webhooks_alone_ends_in_the_truth(
    github: GitHubServer, loaded: Any, run_now: Any, rows: Any, mode: str
) -> None:
    assert differences(github, rows) == []
    services.sweep(loaded)
    sent = []
    for _ in range(2):
        sent += github.control("POST", f"tick?events={EVENTS // 2}&mode={mode}&mb=8")["webhooks"]
        settle(loaded)
    taken = {line["delivery"] for line in sent if line["status"] == 202}
    assert set(WebhookDelivery.objects.values_list("id", flat=True)) == taken
    if mode in ("lost", "bad-signature", "mixed"):
        told = services.sweep(loaded)
        assert told["fetched"] == sum(line["status"] != 202 and line["mode"] != "silent" for line in sent), told
        settle(loaded)
    if mode in ("silent", "mixed"):
        run = run_now(loaded)
        assert run.status == "success", run.error_message
    assert not WebhookDelivery.objects.filter(status="failed").exists()
    assert differences(github, rows) == []
    failed = ConnectorRun.objects.filter(status="failed")
    assert not failed.exists(), [run.error_message for run in failed]
    read_again = run_now(loaded)
    assert read_again.status == "success", read_again.error_message
    assert differences(github, rows) == []


def test_deliveries_during_a_read_are_not_lost(github: GitHubServer, loaded: Any, run_now: Any, rows: Any, actor: Any) -> None:
    """A reading run and webhooks at the same time: neither holds up the other, and the newest state stays."""
    for _ in range(4):
        github.control("POST", "tick?events=40&mode=duplicated")
        run = services.queue_run(connector=loaded, actor=actor, send_to_worker=False)
        services.process_deliveries(loaded)
        github.control("POST", "tick?events=40&mode=out-of-order")
        assert services.execute_run(run.pk).status == "success"
        settle(loaded)
    assert differences(github, rows) == []
