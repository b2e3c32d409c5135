"""The GitHub source against the fake server over HTTP: every object, whatever changes or fails while it is read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from connectors import services
from connectors.demo.github import routes
from connectors.demo.github.model import sha_of, stamp
from connectors.demo.github.server import FakeGitHub
from connectors.demo.github.wire import Call, Response
from connectors.models import ConnectorState, RunLog, RunStream
from connectors.sources.github import api
from connectors.sources.github.tables import TABLES
from connectors.webhook import Envelope
from connectors.webhooks.store import STORE, parameters
from tests.support.github import (
    HOUR,
    NOW,
    OWNER,
    TOKEN,
    a_day,
    answering,
    at_request,
    held,
    limited,
    plain,
    slow,
    small,
    truncated,
)
from tests.support.odoo import serve

LATER = NOW + 12 * HOUR
"""After everything that the small organisation tells of."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def github(files: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> FakeGitHub:
    """A fake server; nothing waits long."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    monkeypatch.setattr(api, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(api, "SECONDARY_SECONDS", 0.2)
    monkeypatch.setattr(api, "STEP_SECONDS", 0.02)
    return FakeGitHub(small(), TOKEN)


@pytest.fixture
def address(github: FakeGitHub) -> Iterator[str]:
    """Where it listens."""
    with serve(github) as url:
        yield url


@pytest.fixture
def connect(address: str, tenant: Any, actor: Any) -> Callable[..., Any]:
    """A connector to the fake, with pages small enough that there are several."""

    def make(secrets: dict[str, str] | None = None, **config: Any) -> Any:
        wanted = {"api_url": address, "owner": OWNER, "page_size": 10} | config
        return services.create_connector(
            actor=actor,
            tenant=tenant,
            name="github",
            connector_type="github",
            config={name: value for name, value in wanted.items() if value is not None},
            secrets=secrets or {"token": TOKEN},
        )

    return make


def good(run: Any) -> Any:
    assert run.status == "success", run.error_message
    return run


def warnings(run: Any) -> list[str]:
    return [line for stream in RunStream.objects.filter(run=run).order_by("pk") for line in stream.metadata.get("warnings", [])]


def loaded(rows: Any, table: str, condition: str = "_deleted_at IS NULL") -> dict[Any, Any]:
    """Key -> ``_raw`` of a table's rows."""
    key = TABLES[table].key
    found = rows(f"SELECT {', '.join(key)}, _raw FROM {TABLES[table].target} WHERE {condition}")
    return {row[0] if len(key) == 1 else tuple(row[:-1]): json.loads(row[-1]) if row[-1] else None for row in found}


def equal(github: FakeGitHub, rows: Any) -> None:
    """Every object of every table is there as the server has it, and no other."""
    truth = held(github.organisation)
    for name, table in TABLES.items():
        if table.keep_raw:
            assert {key: plain(item) for key, item in loaded(rows, name).items()} == {
                key: plain(item) for key, item in truth.get(name, {}).items()
            }, name
    repos = {repo.id: repo for repo in github.organisation.repositories if repo.tip}
    files = {(id, path): text for id, repo in repos.items() for path, text in repo.files.items() if path.startswith("spec")}
    found = rows(f"SELECT repository_id, path, content, omitted FROM {TABLES['spec_files'].target} WHERE _deleted_at IS NULL")
    assert {(id, path): content for id, path, content, _ in found if path.endswith(".md")} == {
        key: text for key, text in files.items() if key[1].endswith(".md")
    }
    assert {omitted for _, path, _, omitted in found if path.endswith(".bin")} <= {"not Markdown"}
    trees = rows(f"SELECT repository_id, paths FROM {TABLES['repository_trees'].target} WHERE _deleted_at IS NULL")
    assert {id: json.loads(paths) for id, paths in trees} == {id: sorted(repo.files) for id, repo in repos.items()}


def test_everything_is_read_and_a_quiet_hour_costs_nothing(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector, mode="full"))
    equal(github, rows)
    before = github.counted
    run = good(run_now(connector))
    assert github.counted - before == 0
    assert sum(stream["read"] for stream in run.metadata["streams"]) == 0
    assert len([call for call in github.calls if call.path == "/repos/lamps/empty/commits"]) == 1, "an empty one is not asked again"
    kinds = "SELECT jsonb_typeof(labels), jsonb_typeof(_raw), state FROM ipai_bronze_devops.issues WHERE number = 1"
    assert rows(kinds) == [("array", "object", "open")] * 2
    payloads = "SELECT DISTINCT jsonb_typeof(payload) FROM ipai_bronze_devops.deployments ORDER BY 1"
    assert rows(payloads) == [("object",), ("string",)]


def test_what_changes_is_found_however_old_it_is(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector))
    one, two = github.organisation.named("one"), github.organisation.named("two")
    a_day(one, 20, NOW - HOUR)
    waiting = one.run(1_019_999, NOW, one.workflows[0], "push", "main", one.tip or "", "ada", 99)
    one.jobs[1_019_999, 1] = []
    good(run_now(connector))
    equal(github, rows)
    one.work(waiting, LATER, LATER + HOUR, "success", ("lint",))  # a run that was waiting has ended
    for run_id in (min(one.runs), sorted(one.runs)[-6]):  # old ones were run again
        one.work(one.rerun(run_id, LATER, "bo"), LATER, LATER + HOUR, "success", ("lint", "test"))
    one.status(one.deployments[min(one.deployments)], LATER, "inactive")
    one.close(one.issues[1], LATER, "bo")
    pull = one.pulls[2]
    one.pull_commits[2] = [one.commit(sha_of("forced"), LATER, "bo", "Forced", [])]
    pull |= {"updated_at": stamp(LATER), "head": {**pull["head"], "sha": sha_of("forced")}}
    del one.releases[3]
    two.files = {"README.md": "# Read\n", "spec/a/prd.md": "# B\n"}
    tip = two.tip or ""
    parent = two.commits[tip]["parents"][0]["sha"]
    two.push(two.commit(sha_of("other"), LATER, "bo", "Instead", [parent]), LATER)  # and a forced push
    good(run_now(connector))
    equal(github, rows)
    assert tip in {sha for _, sha in loaded(rows, "commits", "_deleted_at IS NOT NULL")}


FAULTS: dict[str, Callable[[FakeGitHub], Any]] = {
    "500": lambda fake: answering(500),
    "502": lambda fake: answering(502),
    "503": lambda fake: answering(503, {"Retry-After": "1"}),
    "truncated": truncated,
    "slow": lambda fake: slow(0.6),
    "limit 403": lambda fake: lambda call: Response(**limited(1)),
    "limit 429": lambda fake: lambda call: Response(**limited(1, 429)),
    "secondary": lambda fake: answering(403, {"Retry-After": "1"}, {"message": "You have exceeded a secondary rate limit"}),
    "secondary, silent": lambda fake: answering(
        403, {}, {"message": "slow down", "documentation_url": "https://docs.github.com/rest/rate-limits#secondary"}
    ),
}


@pytest.mark.parametrize("kind", [*FAULTS, "all"])
def test_faults_lose_nothing(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.engine import client

    monkeypatch.setattr(client, "TIMEOUT", httpx.Timeout(0.5))
    chosen = [make for name, make in FAULTS.items() if kind in (name, "all")]
    for position, make in enumerate(chosen):
        github.before += [at_request(number + position, make(github)) for number in (1, 40, 260)]
    run = good(run_now(connect()))
    equal(github, rows)
    said = " ".join(RunLog.objects.filter(run=run).values_list("message", flat=True))
    assert TOKEN not in said
    if kind.startswith("limit"):
        assert "Waiting for GitHub's rate limit until" in said


def test_the_limit_of_the_hour_is_waited_for_and_not_run_into(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.limit, github.reset = 60, time.time() + 2
    run = good(run_now(connect(), streams=["issues", "releases"]))
    assert len(loaded(rows, "issues")) == 24
    github.limit, github.counted = 5, 0
    refused = [message for message in RunLog.objects.filter(run=run).values_list("message", flat=True) if " 403 " in message]
    assert refused == []


def test_pages_that_shift_and_equal_stamps_lose_nothing(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    one = github.organisation.named("one")
    for item in [*one.issues.values(), *one.pulls.values()]:
        item["updated_at"] = stamp(NOW - 30 * HOUR)
    shifted: set[str] = set()

    def shift(call: Call) -> None:
        kind = call.path.rpartition("/")[2]
        if call.number("page", 1) == 2 and call.path.startswith("/repos/lamps/one/") and kind not in shifted:
            shifted.add(kind)
            a_day(one, 40 + len(shifted), NOW - timedelta(minutes=len(shifted)))
            if kind == "deployments":  # a deletion moves everything behind it forward
                gone = max(one.deployments)
                del one.deployments[gone], one.statuses[gone]

    github.before.append(shift)
    connector = connect()
    good(run_now(connector))
    assert {"issues", "pulls", "deployments", "releases", "commits"} <= shifted
    good(run_now(connector))
    good(run_now(connector, mode="full"))
    equal(github, rows)


def test_a_deletion_between_two_pages_loses_nothing(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    one = github.organisation.named("one")

    def delete(call: Call) -> None:
        if call.path == "/repos/lamps/one/deployments" and call.number("page", 1) == 2 and len(one.deployments) == 20:
            del one.deployments[max(one.deployments)]  # what comes next moves to the page that was read already

    github.before.append(delete)
    good(run_now(connect(), streams=["deployments"]))
    assert loaded(rows, "deployments").keys() >= held(github.organisation)["deployments"].keys()
    assert len(one.deployments) == 19


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_a_deletion_during_a_scan_neither_loses_nor_deletes_the_living(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, mode: str
) -> None:
    one, connector = github.organisation.named("one"), connect()
    if mode == "full":
        good(run_now(connector, streams=["issues", "pull_requests"]))
    asked: list[int] = []

    def delete(call: Call) -> None:
        if call.path == "/repos/lamps/one/issues" and call.query.get("sort") == "created":
            asked.append(call.number("page", 1))
            if len(set(asked)) == 3 and 1 in one.issues:
                del one.issues[1]  # what comes behind moves to an earlier page

    github.before.append(delete)
    good(run_now(connector, mode=mode, streams=["issues", "pull_requests"]))
    assert 1 not in one.issues
    assert loaded(rows, "issues").keys() >= held(github.organisation)["issues"].keys()


def test_runs_beyond_the_thousand_that_github_shows(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_FILTERED", 35)
    one = github.organisation.named("one")
    for number in range(120):  # long ago, and many in one second
        at = NOW - timedelta(days=300 if number < 60 else 5, seconds=0 if 70 < number < 95 else number * 7)
        one.runs[number + 1] = [{**one.run(number + 1, at, one.workflows[0], "push", "main", one.tip or "", "ada", number)}]
        one.work(one.runs[number + 1][0], at, at + HOUR, "success", ("lint",))
    connector = connect()
    good(run_now(connector, streams=["workflow_runs", "workflow_jobs", "workflow_run_attempts"]))
    truth = held(github.organisation)
    for name in ("workflow_runs", "workflow_jobs", "workflow_run_attempts"):
        assert loaded(rows, name).keys() == truth[name].keys(), name
    one.work(one.rerun(100, LATER, "bo"), LATER, LATER + HOUR, "failure", ("lint",))
    good(run_now(connector, streams=["workflow_runs", "workflow_jobs", "workflow_run_attempts"]))
    assert loaded(rows, "workflow_runs")[100]["run_attempt"] == 2
    assert (100, 1) in loaded(rows, "workflow_run_attempts")


def test_renamed_gone_forbidden_and_switched_off(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    one, two = github.organisation.named("one"), github.organisation.named("two")
    one.has_issues = False

    def rename(call: Call) -> None:
        if call.path == "/repos/lamps/two/issues" and two.name == "two":
            two.old_names, two.name = ["two"], "second"

    github.before.append(rename)
    run = good(run_now(connector))
    assert loaded(rows, "pull_requests").keys() == held(github.organisation)["pull_requests"].keys()
    assert warnings(run) == []
    count = rows("SELECT count(*) FROM ipai_bronze_devops.workflow_runs WHERE _deleted_at IS NULL")
    two.gone = True
    run = good(run_now(connector))
    assert warnings(run) == [
        "lamps/two is no longer listed (HTTP 404 Not Found): deleted, or hidden from the token; what is loaded of it stays"
    ]
    assert warnings(good(run_now(connector))) == [], "said once"
    assert rows("SELECT count(*) FROM ipai_bronze_devops.workflow_runs WHERE _deleted_at IS NULL") == count
    two.gone = False

    def forbid(call: Call) -> Response | None:
        refused = (call.path.endswith("/releases") and "second" in call.path) or call.path.endswith("/pulls")
        return Response(403, {"message": "Resource not accessible by integration"}) if refused else None

    github.before = [forbid]
    run = run_now(connector, mode="full")
    assert run.status == "failed"
    assert "GitHub refuses pull_requests (HTTP 403 Resource not accessible" in run.error_message
    assert [line for line in warnings(run) if "releases" in line] == [
        "GitHub refuses releases of lamps/second (HTTP 403 Resource not accessible by integration); what is loaded of it stays"
    ]
    assert rows("SELECT count(*) FROM ipai_bronze_devops.workflow_runs WHERE _deleted_at IS NULL") == count


def test_a_run_tells_what_becomes_of_each_field(github: FakeGitHub, connect: Any, run_now: Any) -> None:
    connector = connect()
    run = good(run_now(connector))
    fields = {
        one.stream: {field["column"] or field["name"]: field for field in one.fields} for one in connector.stream_fields.all()
    }
    assert fields.keys() == TABLES.keys()
    assert [fields["issues"][name]["name"] for name in ("labels", "user_login", "title")] == [
        "labels[].name",
        "user.login",
        "title",
    ]
    assert (fields["issues"]["title"]["type"], fields["issues"]["labels"]["column_type"]) == ("string", "jsonb")
    assert fields["pull_requests"]["head_sha"]["name"] == "head.sha"
    assert fields["workflow_runs"]["head_sha"]["name"] == "head_sha"
    assert "id of the repository" in fields["commits"]["repository_id"]["label"]
    assert (fields["issues"]["milestone_number"]["name"], fields["issues"]["closed_by_login"]["name"]) == (
        "milestone.number",
        "closed_by.login",
    )
    raw = [name for name, field in fields["deployments"].items() if field["in_raw"]]
    assert raw == []
    assert {stream.stream: stream.metadata["vendor_name"] for stream in run.streams.all()}["reviews"] == "pulls/reviews"
    good(run_now(connector))
    assert connector.stream_fields.get(stream="issues").fields, "a quiet run forgets nothing"


def test_a_list_of_names_reads_these(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    run = good(run_now(connect(owner=None, repositories=["lamps/two", "lamps/nothing"])))
    assert loaded(rows, "repositories").keys() == {102}
    assert warnings(run) == [
        "GitHub does not give lamps/nothing (HTTP 404 Not Found): deleted, or hidden from the token; what is loaded stays"
    ]


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_another_server_is_read_anew(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, actor: Any, address: str, mode: str
) -> None:
    connector = connect()
    good(run_now(connector))
    other = FakeGitHub(small(), TOKEN)
    one = other.organisation.named("one")
    del one.issues[1], one.runs[min(one.runs)]
    one.issues[3] |= {"title": "Theirs", "updated_at": stamp(NOW - 900 * HOUR)}
    other.organisation.repositories.remove(other.organisation.named("two"))
    with serve(other) as url:
        connector = services.update_connector(actor, connector, config={**connector.config, "api_url": url})
        good(run_now(connector, mode=mode))
        equal(other, rows)
        before = other.counted
        good(run_now(connector))
        assert other.counted == before, "and then it is quiet"


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_repositories_that_the_config_no_longer_names_are_marked(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, actor: Any, mode: str
) -> None:
    connector = connect()
    good(run_now(connector))
    asked = len([call for call in github.calls if call.path.startswith("/repos/lamps/two/issues")])
    narrow = {name: value for name, value in connector.config.items() if name != "owner"} | {"repositories": ["lamps/two"]}
    run = good(run_now(services.update_connector(actor, connector, config=narrow), mode=mode))
    assert warnings(run) == []
    assert loaded(rows, "repositories").keys() == {102}
    for name, table in TABLES.items():
        if name != "repositories":
            assert rows(f"SELECT DISTINCT repository_id FROM {table.target} WHERE _deleted_at IS NULL") == [(102,)], name
    if mode == "incremental":
        again = len([call for call in github.calls if call.path.startswith("/repos/lamps/two/issues")]) - asked
        assert again <= 1, "what is known of the others is not read again"
    good(run_now(services.update_connector(actor, connector, config={**narrow, "owner": OWNER, "repositories": []})))
    equal(github, rows)


def test_a_repository_that_leaves_the_list_is_named_with_the_reason(github: FakeGitHub, connect: Any, run_now: Any) -> None:
    connector = connect()
    good(run_now(connector, streams=["repositories"]))

    def left(call: Call) -> Response | None:
        if call.path != "/orgs/lamps/repos":
            return None
        return Response(200, [])

    github.before.append(left)
    said = warnings(good(run_now(connector, streams=["repositories"])))
    assert said[0] == "lamps/one is not among the repositories that are read any more; what is loaded of it stays"


def test_what_was_deleted_is_marked_by_a_full_sync_but_not_what_came_meanwhile(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any
) -> None:
    connector = connect()
    good(run_now(connector))
    one = github.organisation.named("one")
    for number in (1, 2):
        del one.runs[sorted(one.runs)[number]]
    moved = one.issues.pop(3)

    def webhook(call: Call) -> None:
        if call.path == "/repos/lamps/one/issues":
            rows(
                "INSERT INTO ipai_bronze_devops.issues (_connector_id, _tenant_id, _run_id, id, repository_id)"
                " SELECT id, tenant_id, id, 77, 101 FROM ipai_connector_config ON CONFLICT DO NOTHING RETURNING 1"
            )
            connection.close()

    github.before.append(webhook)
    good(run_now(connector, mode="full"))
    assert moved["id"] in loaded(rows, "issues", "_deleted_at IS NOT NULL")
    assert rows("SELECT _deleted_at IS NULL FROM ipai_bronze_devops.issues WHERE id = 77") == [(True,)]
    assert loaded(rows, "workflow_runs").keys() == held(github.organisation)["workflow_runs"].keys()
    github.before.clear()
    good(run_now(connector, mode="full"))
    equal(github, rows)


def test_an_interrupted_sync_goes_on_where_it_was(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect(concurrency=1)
    dead: list[int] = []

    def die(call: Call) -> Response | None:
        if "/jobs" in call.path:
            dead.append(1)
        return Response(401, {"message": "Bad credentials"}) if len(dead) > 12 else None

    github.before.append(die)
    run = run_now(connector, streams=["workflow_jobs"])
    assert run.status == "failed"
    done = len(loaded(rows, "workflow_jobs"))
    assert 0 < done < len(held(github.organisation)["workflow_jobs"])
    github.before.clear()
    asked = len(github.calls)
    good(run_now(connector, streams=["workflow_jobs"]))
    assert loaded(rows, "workflow_jobs").keys() == held(github.organisation)["workflow_jobs"].keys()
    again = sum("/jobs" in call.path for call in github.calls[asked:])
    assert again < len(github.organisation.named("one").runs) + len(github.organisation.named("two").runs)


@pytest.mark.parametrize("back", [True, False])
def test_a_forced_push_that_no_webhook_told_of_leaves_nothing(
    github: FakeGitHub, connect: Any, run_now: Any, rows: Any, address: str, back: bool
) -> None:
    connector = connect(secrets={"token": TOKEN, "webhook_secret": "s"})
    good(run_now(connector))
    two = github.organisation.named("two")
    old, files = two.tip or "", dict(two.files)
    two.files |= {"spec/a/prd.md": "# Pushed\n", "spec/b/prd.md": "# New\n"}
    first = two.commit(sha_of("first"), LATER, "bo", "First", [old])
    two.push(two.commit(sha_of("second"), LATER, "bo", "Second", [first]), LATER)
    repository = httpx.get(f"{address}/repos/{OWNER}/two", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    pushed = {"ref": "refs/heads/main", "before": old, "after": two.tip, "forced": False, "repository": repository}
    envelope = Envelope("pushed", "push", json.dumps(pushed).encode(), None, two.id, 1)
    with connection.cursor() as cursor:
        cursor.execute(STORE.replace("%b", "%s"), parameters(connector.pk, connector.tenant_id, envelope))
    services.process_deliveries(connector)
    equal(github, rows)
    two.files = files
    two.push(old if back else two.commit(sha_of("other"), LATER + HOUR, "bo", "Instead", [old]), LATER + HOUR)
    good(run_now(connector))
    equal(github, rows)
    assert {sha for _, sha in loaded(rows, "commits", "_deleted_at IS NOT NULL")} == {first, sha_of("second")}
    before = github.counted
    good(run_now(connector))
    assert github.counted == before


def test_a_forgotten_tip_is_read_again(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    connector = connect()
    good(run_now(connector, streams=["commits"]))
    two = github.organisation.named("two")
    two.commits.clear()
    two.push(two.commit(sha_of("new"), NOW, "ada", "All new", []), NOW)
    good(run_now(connector, streams=["commits"]))
    assert {sha for id, sha in loaded(rows, "commits") if id == 102} == {sha_of("new")}


def test_since_leaves_older_things_out(github: FakeGitHub, connect: Any, run_now: Any, rows: Any) -> None:
    day = (NOW - timedelta(days=6)).date().isoformat()
    connector = connect(since=day)
    good(run_now(connector))
    for name, stamp_of in (("workflow_runs", "created_at"), ("commits", "committer_date")):
        oldest, count = rows(f"SELECT min({stamp_of})::date::text, count(*) FROM ipai_bronze_devops.{name}")[0]
        assert oldest >= day
        assert count
    good(run_now(connector, mode="full"))
    assert rows("SELECT count(*) FROM ipai_bronze_devops.issues WHERE _deleted_at IS NOT NULL") == [(0,)]


def test_jobs_are_read_only_where_they_are_asked_for(github: FakeGitHub, connect: Any, run_now: Any) -> None:
    run = good(run_now(connect(jobs=False)))
    assert "workflow_jobs" not in {stream["stream"] for stream in run.metadata["streams"]}
    assert not any("/jobs" in call.path for call in github.calls)


def test_cursors_hold_no_secret(github: FakeGitHub, connect: Any, run_now: Any) -> None:
    good(run_now(connect()))
    assert TOKEN not in json.dumps(list(ConnectorState.objects.values_list("cursor", flat=True)))
