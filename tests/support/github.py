"""A small organisation behind the fake GitHub, what its tables must then hold, and the faults that a real one shows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.demo.github.model import Json, Organisation, Repository, sha_of, stamp, user
from connectors.demo.github.server import FakeGitHub, Hook
from connectors.demo.github.wire import Call, Response

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
TOKEN = "ghp_letterbox9letterbox9"
OWNER = "lamps"
EMBEDDED = ("repository", "head_repository", "head", "base")


def small() -> Organisation:
    """Two busy repositories and an empty one."""
    found = Organisation(OWNER, [busy(101, "one"), busy(102, "two", days=4), Repository(103, "empty", OWNER, NOW - 99 * HOUR)])
    found.named("two").files["specs/001-a/spec.md"] = "# A\n"
    return found


def busy(id: int, name: str, days: int = 20) -> Repository:
    """A repository with a day's work for each day, newest just before now."""
    repo = Repository(id, name, OWNER, NOW - timedelta(days=400))
    for number, workflow in enumerate(("CI", "Deploy")):
        about = {"id": id * 10 + number, "name": workflow, "path": f".github/workflows/{workflow}.yml", "state": "active"}
        repo.workflows.append({**about, "html_url": "", "created_at": stamp(repo.created), "updated_at": stamp(repo.created)})
    repo.files = {"README.md": "# Read\n", "spec/a/prd.md": "# A\n", "spec/a/plan.md": "# P\n", "spec/a/x.bin": "?"}
    repo.push(repo.commit(sha_of(f"{name} 0"), NOW - timedelta(days=days + 1), "ada", "First", []), NOW - timedelta(days=days + 1))
    for day in range(days):
        a_day(repo, day, NOW - timedelta(days=days - day))
    return repo


def a_day(repo: Repository, day: int, at: datetime) -> None:
    """An issue, a merged pull request, a failed run that is run again, and a deployment."""
    key = repo.id * 10_000 + day * 10
    issue = repo.issue(2 * day + 1, key, at, "ada", f"Issue {day}", "Body", ("bug",))
    if day % 2:
        repo.close(issue, at + HOUR, "bo")
    assert repo.tip
    shas = [repo.commit(sha_of(f"{key} {step}"), at, "bo", f"Work {step}", [repo.tip]) for step in range(1 + day % 3)]
    pull = repo.pull(2 * day + 2, key + 5, at + HOUR, "bo", f"Work {day}", f"work/{day}", shas, repo.tip)
    review = {"id": key, "user": user("ada"), "state": "APPROVED", "body": "", "commit_id": shas[-1], "html_url": ""}
    repo.reviews[pull["number"]].append({**review, "submitted_at": stamp(at + 2 * HOUR)})
    tip = repo.commit(sha_of(f"{key} merge"), at + 3 * HOUR, "ada", f"Merge #{pull['number']}", [repo.tip, shas[-1]])
    repo.push(tip, at + 3 * HOUR)
    for item in (pull, repo.issues[pull["number"]]):
        repo.close(item, at + 3 * HOUR, "ada")
    pull |= {"merged_at": stamp(at + 3 * HOUR), "merge_commit_sha": tip}
    run = repo.run(key, at + 3 * HOUR, repo.workflows[0], "push", "main", tip, "ada", day)
    repo.work(run, at + 3 * HOUR, at + 4 * HOUR, "failure" if day % 4 == 0 else "success", ("lint", "test"))
    if day % 4 == 0:
        repo.work(repo.rerun(key, at + 4 * HOUR, "bo"), at + 4 * HOUR, at + 5 * HOUR, "success", ("lint", "test"))
    deployment = repo.deploy(key, at + 6 * HOUR, "production", tip, "ada", '{"kind": "hotfix"}' if day % 5 == 0 else {})
    for minutes, state in enumerate(("queued", "in_progress", "success")):
        repo.status(deployment, at + 6 * HOUR + timedelta(minutes=minutes), state)
    stamps = {"created_at": stamp(at), "published_at": stamp(at), "updated_at": stamp(at)}
    about = {"id": key, "tag_name": f"v{day}", "name": f"v{day}", "body": "", "draft": False, "prerelease": False, "html_url": ""}
    repo.releases.append({**about, **stamps, "target_commitish": "main", "author": user("ada")})


def held(organisation: Organisation) -> dict[str, dict[Any, Json]]:
    """Table -> key -> object, as the connector must have them."""
    found: dict[str, dict[Any, Json]] = {}
    for repo in organisation.repositories:
        for table, key, item in objects(repo):
            found.setdefault(table, {})[key] = item
    return found


def objects(repo: Repository) -> Iterator[tuple[str, Any, Json]]:
    """Each object of a repository with its table and key."""
    yield "repositories", repo.id, repo.json()
    for issue in repo.issues.values():
        if "pull_request" not in issue and repo.has_issues:
            yield "issues", issue["id"], issue
    for number, pull in repo.pulls.items():
        yield "pull_requests", pull["id"], pull
        yield from (("pull_request_commits", (repo.id, number, sha), repo.commits[sha]) for sha in repo.pull_commits[number])
        yield from (("reviews", review["id"], review) for review in repo.reviews[number])
    yield from (("workflows", workflow["id"], workflow) for workflow in repo.workflows)
    for run_id, attempts in repo.runs.items():
        yield "workflow_runs", run_id, attempts[-1]
        yield from (("workflow_run_attempts", (run_id, item["run_attempt"]), item) for item in attempts[:-1])
        yield from (("workflow_jobs", job["id"], job) for item in attempts for job in repo.jobs[run_id, item["run_attempt"]])
    for deployment_id, deployment in repo.deployments.items():
        yield "deployments", deployment_id, deployment
        yield from (("deployment_statuses", status["id"], status) for status in repo.statuses[deployment_id])
    yield from (("commits", (repo.id, commit["sha"]), commit) for commit in repo.reached(repo.tip))
    yield from (("releases", release["id"], release) for release in repo.releases)


def plain(item: Mapping[str, Any]) -> Json:
    """An object without the repositories inside it."""
    return {name: value for name, value in json.loads(json.dumps(item)).items() if name not in EMBEDDED}


def at_request(number: int, hook: Hook) -> Hook:
    """A hook that acts on one request only, counted from 1."""
    seen = iter(range(1, 10**9))
    return lambda call: hook(call) if next(seen) == number else None


def answering(status: int, headers: dict[str, str] | None = None, body: Any = "<h1>Not now</h1>") -> Hook:
    """Answer with a status, as a proxy or a limit would."""
    return lambda call: Response(status, body, dict(headers or {}))


def truncated(fake: FakeGitHub) -> Hook:
    """Break the answer off in the middle."""

    def hook(call: Call) -> Response:
        return Response(200, [{"id": number} for number in range(500)], truncate=True)

    return hook


def slow(seconds: float) -> Hook:
    """Take longer than the connector waits."""

    def hook(call: Call) -> None:
        time.sleep(seconds)

    return hook


def limited(seconds: int, status: int = 403) -> dict[str, Any]:
    """The answer to one request too many in this hour."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + seconds)}
    return {"status": status, "headers": headers, "body": {"message": "API rate limit exceeded"}}
