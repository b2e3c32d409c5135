"""The DevOps figures of a simulated GitHub equal the simulation's own, number by number, whatever went wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from connectors import services, tasks
from connectors.engine import client
from connectors.models import ConnectorRun, Status, Trigger, WebhookDelivery
from connectors.services import deliveries
from connectors.sources.github import api
from devops.gold.refresh import refresh_all
from tests.acceptance.conftest import SIMS
from tests.acceptance.figures import differences
from tests.acceptance.github import TOKEN, GitHubServer
from tests.acceptance.test_github_webhooks import settle
from tests.connectors.webhooks.conftest import SECRET, Portal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(600)]

FAULTS = (
    *("rate-limit@60:1", "rate-limit@900:1", "secondary-limit@31:1", "secondary-limit@500:1:429", "http502@7", "http502@200-201"),
    *("truncate@15", "truncate@400-402", "timeout@70:2", "drop@23", "drop@600-601", "page-shift", "same-updated-at", "transfer"),
    "no-issues",
)
TROUBLES = (
    *(("rate-limit", 6, ":1"), ("secondary-limit", 12, ":1"), ("http502", 20, ""), ("truncate", 26, ""), ("drop", 31, "")),
    *(("timeout", 37, ":2"), ("http502", 60, ""), ("truncate", 90, "")),
)
GONE_MIDWAY = "repo-gone@300"
TRACED = ("normal", "duplicated", "out-of-order", "bad-signature", "lost", "huge")
"""Modes of webhooks of which GitHub keeps a record, whatever arrived here."""


@pytest.fixture(autouse=True)
def reachable(files: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connectors reach loopback; wait seconds where GitHub would make us wait minutes."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(1.5))
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.05)


@pytest.fixture
def portal(transactional_db: None, files: Any) -> Iterator[Portal]:
    """A portal that takes webhooks."""
    running = Portal()
    yield running
    running.stop()


@pytest.fixture
def serve() -> Iterator[Any]:
    """Start simulated GitHubs: ``serve("--seed", "2")``."""
    running: list[GitHubServer] = []

    def start(*options: str) -> GitHubServer:
        running.append(GitHubServer(SIMS, "--rate-limit", "1000000", *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def connect(tenant: Any, actor: Any) -> Any:
    """A connector of a server's organisation."""

    def make(server: GitHubServer) -> Any:
        config = {"owner": "lumenforge", "api_url": server.url}
        secrets = {"token": TOKEN, "webhook_secret": SECRET}
        return services.create_connector(
            actor=actor, tenant=tenant, name="gh", connector_type="github", config=config, secrets=secrets
        )

    return make


@pytest.fixture
def sync(run_now: Any, settings: Any) -> Any:
    """Run a connector of a server, with the simulation's now as now: ``sync(server, connector, mode="full")``."""

    def run(server: GitHubServer, connector: Any, mode: str = "full") -> Any:
        settings.IPAI_NOW = clock(server)
        done = run_now(connector, mode=mode)
        assert done.status == Status.SUCCESS, done.error_message
        if clock(server) != settings.IPAI_NOW:  # a shifted page is an event, which moves the clock: beat moves the figures on
            settings.IPAI_NOW = clock(server)
            refresh_all()
        return done

    return run


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Process the deliveries that wait, and what is sent to the worker meanwhile: ``work(connector)``."""
    sent: list[str] = []

    def send(name: str, run_id: str) -> None:
        assert name == "connectors.follow_run"
        sent.append(run_id)

    monkeypatch.setattr(deliveries, "send", send)

    def done(connector: Any) -> None:
        settle(connector)
        while sent:
            tasks.follow_run(sent.pop())

    return done


def clock(server: GitHubServer) -> datetime:
    """The simulation's now."""
    return datetime.fromisoformat(server.control("GET", "state")["now"])


def with_faults(*faults: str) -> list[str]:
    return [word for fault in faults for word in ("--fault", fault)]


def trouble(server: GitHubServer) -> None:
    """Let the requests from now on meet limits, broken answers and lost connections as well."""
    begun = server.control("GET", "state")["requests"]
    for name, offset, more in TROUBLES:
        server.control("POST", f"fault?spec={name}@{begun + offset}{more}")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_full_sync_and_an_incremental_one_give_the_true_figures(serve: Any, connect: Any, sync: Any, seed: str) -> None:
    server = serve("--seed", seed, "--months", "3")
    connector = connect(server)
    sync(server, connector)
    assert differences(server.truth())[:10] == []
    for _ in range(2):
        server.control("POST", "tick?events=400&mode=silent")
        sync(server, connector, "incremental")
        assert differences(server.truth())[:10] == []


def test_all_faults_together_change_no_figure(serve: Any, connect: Any, sync: Any) -> None:
    """What GitHub does not tell is missing: the rest of a repository that went away during the read, incidents without issues."""
    server = serve("--seed", "3", "--months", "2", *with_faults(*FAULTS, GONE_MIDWAY))
    connector = connect(server)
    sync(server, connector)
    assert server.met([*FAULTS, GONE_MIDWAY])
    (gone,) = [repo["full_name"] for repo in server.control("GET", "state")["repos"] if repo["gone"]]
    untold = [repo["full_name"] for repo in server.all("orgs/lumenforge/repos") if not repo["has_issues"]]
    assert len(untold) == 1
    for events in (1, 300):  # what shifted pages was new, and after the read
        server.control("POST", f"tick?events={events}&mode=silent")
        trouble(server)
        sync(server, connector, "incremental")
        assert differences(server.truth(), but=[gone], untold=untold)[:10] == []


def test_a_repository_that_is_gone_keeps_its_figures(serve: Any, connect: Any, sync: Any) -> None:
    server = serve("--seed", "4", "--months", "1")
    connector = connect(server)
    sync(server, connector)
    server.control("POST", "fault?spec=repo-gone@1")
    server.used()  # it goes with the next request, before anything else happens to it
    server.control("POST", "tick?events=200&mode=silent")
    for mode in ("incremental", "full"):
        sync(server, connector, mode)
        assert sum(repo["gone"] for repo in server.control("GET", "state")["repos"]) == 1
        assert differences(server.truth())[:10] == []


def test_a_period_of_webhooks_alone_gives_the_true_figures(
    serve: Any, portal: Portal, connect: Any, sync: Any, work: Any, settings: Any
) -> None:
    address = ("--webhook-url", f"{portal.url}/webhooks/github/gh/", "--webhook-secret", SECRET)
    server = serve("--seed", "5", "--months", "1", *address)
    connector = connect(server)
    sync(server, connector)
    services.sweep(connector)

    def period(mode: str, events: int) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = server.control("POST", f"tick?events={events}&mode={mode}&mb=4")["webhooks"]
        settings.IPAI_NOW = clock(server)
        work(connector)
        services.sweep(connector)
        work(connector)
        return lines

    for mode in TRACED:
        period(mode, 60)
    assert differences(server.truth())[:10] == []
    silent = {line["repo"] for line in period("mixed", 300) if line["mode"] == "silent"}
    assert silent, "the period has events that leave no trace"
    assert differences(server.truth(), but=silent)[:10] == []
    assert set(ConnectorRun.objects.exclude(trigger=Trigger.WEBHOOK).values_list("mode", flat=True)) == {"full"}
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) <= {"done", "ignored"}
    sync(server, connector, "incremental")
    assert differences(server.truth())[:10] == []
