"""Signing in to GitHub, what a check tells, limits that a person waits for, and the settings."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.contract import Client, ReconnectNeeded, Retry, StopStream
from connectors.demo.github.server import FakeGitHub
from connectors.demo.github.wire import Call, Response
from connectors.engine.client import build_http
from connectors.sources.github import GitHubSource, api, login
from tests.support.github import OWNER, TOKEN, answering, at_request, limited, small
from tests.support.odoo import serve


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub(small(), TOKEN)


@pytest.fixture
def address(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(api, "STEP_SECONDS", 0.02)
    monkeypatch.setattr(login, "_TOKENS", {})
    with serve(github) as url:
        yield url


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    log = logging.getLogger("run")
    with build_http(log, True) as http:
        yield Client(http, tmp_path, log, allow_private_urls=True)


@pytest.fixture(scope="module")
def pair() -> tuple[str, Any]:
    """A private key in PEM form and its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode(), key.public_key()


def source(address: str, secrets: dict[str, str] | None = None, **config: Any) -> GitHubSource:
    wanted = {"api_url": address, "owner": OWNER} | config
    return GitHubSource({name: value for name, value in wanted.items() if value is not None}, secrets or {"token": TOKEN})


def checks(found: GitHubSource, client: Client) -> dict[str, tuple[bool, str]]:
    return {line.name: (line.ok, line.detail) for line in found.check(client)}


def test_an_app_proves_itself_and_renews_its_token(github: FakeGitHub, address: str, client: Client, pair: tuple[str, Any]) -> None:
    private, public = pair
    app = source(address, {"private_key": private}, app_id="1234", installation_id=77)
    hub = app.github(client)
    assert hub.get("repos/lamps/one").value["id"] == 101
    claims = jwt.decode(github.proofs[0], public, ["RS256"])
    assert claims["iss"] == "1234"
    assert claims["iat"] <= time.time() <= claims["exp"] <= time.time() + 600
    assert [call.path for call in github.calls] == ["/app/installations/77/access_tokens", "/repos/lamps/one"]
    hub.get("repos/lamps/two")
    again = source(address, {"private_key": private}, app_id="1234", installation_id=77)
    assert again.github(client).get("repos/lamps/two").value["id"] == 102
    assert len(github.proofs) == 1, "all streams of a process share one token"
    github.tokens = {"revoked"}
    assert hub.get("repos/lamps/one").value["id"] == 101
    assert len(github.proofs) == 2, "a refused token is replaced once"
    github.token_life = timedelta(minutes=2)
    github.tokens = {"revoked"}
    for _ in range(3):
        hub.get("repos/lamps/one")
    assert len(github.proofs) == 5, "a token that ends within minutes is renewed before it does"


def test_an_app_that_is_refused_says_what_to_check(github: FakeGitHub, address: str, client: Client, pair: tuple[str, Any]) -> None:
    app = source(address, {"private_key": "nonsense"}, app_id="1234", installation_id=77)
    with pytest.raises(ReconnectNeeded, match=r"not a private key in PEM form"):
        app.github(client).get("user")
    github.before.append(answering(404, body={"message": "Not Found"}))
    app = source(address, {"private_key": pair[0]}, app_id="1234", installation_id=77)
    with pytest.raises(ReconnectNeeded, match=r"refused GitHub App 1234, installation 77 \(HTTP 404\): check app_id"):
        app.github(client).get("user")


def test_a_wrong_token_and_single_sign_on_ask_for_a_person(github: FakeGitHub, address: str, client: Client) -> None:
    with pytest.raises(
        ReconnectNeeded, match=r"GitHub refused the token \(Bad credentials\): it is wrong, expired or revoked"
    ) as wrong:
        source(address, {"token": "ghp_wrong"}).github(client).get("user")
    assert "ghp_wrong" not in str(wrong.value)
    with pytest.raises(ReconnectNeeded, match="There is no token"):
        source(address, {"webhook_secret": "x"}).github(client).get("user")
    where = "https://github.com/orgs/lamps/sso?authorization_request=A1"
    github.before.append(answering(403, {"X-GitHub-SSO": f"required; url={where}"}, {"message": "Resource protected by SAML"}))
    with pytest.raises(ReconnectNeeded, match=r"authorise the token at https://github.com/orgs/lamps/sso"):
        source(address).github(client).get("user")


def test_waiting_for_the_limit_is_told_and_ends_when_cancelled(github: FakeGitHub, address: str, client: Client) -> None:
    said: list[str] = []
    client.say = said.append
    github.before.append(at_request(1, lambda call: Response(**limited(1))))
    began = time.monotonic()
    assert source(address).github(client).get("user").value["login"] == "demo-reader"
    assert time.monotonic() - began >= 1
    assert said[0].startswith("waiting for GitHub's rate limit until ")
    assert said[-1] == "reading"
    github.before = [lambda call: Response(**limited(900))]
    client.stopping = lambda: time.monotonic() - began > 3
    with pytest.raises(StopStream, match="Cancelled"):
        source(address).github(client).get("user")
    assert time.monotonic() - began < 6
    with pytest.raises(Retry, match="GitHub allows no more requests now: waiting for GitHub's rate limit until"):
        source(address).github(client, tries=1).get("user")


def test_requests_at_once_are_bounded(github: FakeGitHub, address: str, client: Client) -> None:
    now, most, lock = 0, 0, threading.Lock()
    hub = source(address, concurrency=3).github(client)

    send = hub._send

    def counted(*arguments: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        try:
            return send(*arguments)
        finally:
            with lock:
                now -= 1

    hub._send = counted  # type: ignore[method-assign]
    threads = [threading.Thread(target=hub.get, args=("user",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_link_to_elsewhere_is_not_followed(github: FakeGitHub, address: str, client: Client) -> None:
    elsewhere = {"Link": '<https://evil.example/next>; rel="next"'}
    github.before.append(lambda call: Response(200, [{"id": 1}], dict(elsewhere)))
    with pytest.raises(StopStream, match=r"leads on to evil.example: that address is not asked"):
        list(source(address).github(client).pages("repos/lamps/one/releases"))


def test_half_a_surrogate_pair_is_replaced(github: FakeGitHub, address: str, client: Client) -> None:
    github.before.append(lambda call: Response(200, b'{"title": "a \\ud83d b"}'))
    assert source(address).github(client).get("user").value == {"title": "a ? b"}


def test_check_tells_rights_repositories_and_limit(github: FakeGitHub, address: str, client: Client) -> None:
    found = checks(source(address), client)
    assert found["Login"] == (True, f"The token of demo-reader at {address} with the scopes repo, read:org")
    assert found["Repositories"] == (True, "3 found: lamps/one, lamps/two, lamps/empty")
    assert found["Actions"] == (True, "May be read: workflows, workflow_runs, workflow_run_attempts, workflow_jobs")
    assert found["Rate limit"][0]
    assert "of 5,000 requests left until" in found["Rate limit"][1]

    def forbid(call: Call) -> Response | None:
        return (
            Response(403, {"message": "Resource not accessible by personal access token"}) if "deployments" in call.path else None
        )

    github.before.append(forbid)
    found = checks(source(address, owner=None, repositories=["lamps/two", "lamps/x"]), client)
    assert found["lamps/x"][0] is False
    assert found["Deployments"][0] is False
    assert "give the token the right to read Deployments" in found["Deployments"][1]
    assert checks(source(address, {"token": "wrong"}), client)["Login"][0] is False
    assert checks(source(address, owner="nobody"), client)["Repositories"][0] is False


def test_a_tree_that_github_cuts_off_still_gives_the_specifications(github: FakeGitHub, address: str, client: Client) -> None:
    file = {"type": "blob", "mode": "100644", "size": 3}
    trees = {
        "main": {"sha": "root", "truncated": True, "tree": [{**file, "path": "a.py", "sha": "1"}]},
        "root": {"tree": [{"type": "tree", "path": "spec", "sha": "s"}, {"type": "tree", "path": "src", "sha": "x"}]},
        "s": {"tree": [{**file, "path": "a/prd.md", "sha": "2"}, {"type": "tree", "path": "a", "sha": "t"}]},
    }
    github.before.append(lambda call: Response(200, trees[call.path.rpartition("/")[2]]) if "/trees/" in call.path else None)
    hub = source(address).github(client)
    from connectors.sources.github import fetch
    from connectors.sources.github.repositories import Repository

    found = fetch.tree(hub, Repository(101, "lamps/one", "main"))
    assert found is not None
    assert found.truncated
    assert fetch.spec_paths(found) == {"spec/a/prd.md": "2"}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "owner"),
        ({"owner": "a", "repositories": ["a/b"]}, "owner"),
        ({"owner": "a", "app_id": "1"}, "installation_id"),
        ({"owner": "a", "installation_id": 1}, "app_id"),
        ({"owner": "a", "api_url": "https://user:word@x.example"}, "api_url"),
        ({"owner": "a", "since": "2026-02-31"}, "since"),
    ],
)
def test_settings_that_do_not_go_together_are_named(config: dict[str, Any], field: str) -> None:
    assert GitHubSource.validate(config).keys() == {field}


def test_records_have_their_pages() -> None:
    url: Callable[..., str | None] = GitHubSource.record_url
    one = {"repositories": ["lamps/one"]}
    assert url(one, "workflow_runs", {"id": 7}) == "https://github.com/lamps/one/actions/runs/7"
    assert (
        url({**one, "api_url": "https://git.example.com/api/v3"}, "commits", {"sha": "a"})
        == "https://git.example.com/lamps/one/commit/a"
    )
    assert url({"owner": "lamps"}, "issues", {"number": 3, "full_name": "lamps/two"}) == "https://github.com/lamps/two/issues/3"
    assert url({"owner": "lamps"}, "issues", {"id": 3}) is None
    assert url({"owner": "lamps"}, "issues", {"html_url": "https://x.example/3"}) == "https://x.example/3"
    raw = '{"url": "https://api.github.com/repos/lamps/two/deployments/9", "id": 9}'
    deployment = {"id": 9, "environment": "pre production", "_raw": raw}
    assert url({"owner": "lamps"}, "deployments", deployment) == "https://github.com/lamps/two/deployments/pre%20production"
    assert url({"owner": "lamps"}, "deployments", {"id": 9, "environment": "production", "_raw": "[]"}) is None
    assert url(one, "spec_files", {"path": "spec/a b/prd.md"}) == "https://github.com/lamps/one/blob/HEAD/spec/a%20b/prd.md"
