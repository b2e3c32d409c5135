"""What the fake GitHub answers for a repository's addresses."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.demo.github.model import Json, Repository, blob_sha, sha_of
from connectors.demo.github.wire import Call, Refusal, Response, paged

MOST_FILTERED = 1_000
"""Runs that can be reached where the list is filtered."""


def ordered(call: Call, items: Iterable[Json]) -> list[Json]:
    """Issues or pull requests as ``state``, ``sort`` and ``direction`` say."""
    state = call.query.get("state", "open")
    field_name = "updated_at" if call.query.get("sort") == "updated" else "created_at"
    chosen = [item for item in items if state in ("all", item["state"])]
    return sorted(
        chosen, key=lambda item: (item[field_name], item["number"]), reverse=call.query.get("direction", "desc") == "desc"
    )


def issues(repo: Repository, call: Call) -> Response:
    if not repo.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    return paged(call, ordered(call, repo.issues.values()))


def pulls(repo: Repository, call: Call) -> Response:
    return paged(call, ordered(call, repo.pulls.values()))


def one(items: Mapping[int, Any], number: str) -> Any:
    """An object by its number or id."""
    if int(number) not in items:
        raise Refusal(404, "Not Found")
    return items[int(number)]


def pull_commits(repo: Repository, call: Call, number: str) -> Response:
    return paged(call, [repo.commits[sha] for sha in one(repo.pull_commits, number)])


def runs(repo: Repository, call: Call) -> Response:
    created = call.query.get("created", "")
    low, high = "", "9"
    if ".." in created:
        low, high = created.split("..")
    elif created:
        low, high = (created[2:], high) if created.startswith(">=") else (low, created[2:])
    found = [attempts[-1] for attempts in repo.runs.values() if low <= attempts[-1]["created_at"] <= high]
    found.sort(key=lambda run: (run["created_at"], run["id"]), reverse=True)
    return paged(call, found, "workflow_runs", MOST_FILTERED if created else None)


def attempt(repo: Repository, call: Call, number: str, which: str = "0") -> Response:
    attempts = one(repo.runs, number)
    if int(which) > len(attempts):
        raise Refusal(404, "Not Found")
    return Response(200, attempts[int(which) - 1])


def jobs(repo: Repository, call: Call, number: str) -> Response:
    attempts = one(repo.runs, number)
    wanted = attempts[::-1] if call.query.get("filter") == "all" else attempts[-1:]
    return paged(call, [job for run in wanted for job in repo.jobs.get((run["id"], run["run_attempt"]), [])], "jobs")


def deployments(repo: Repository, call: Call) -> Response:
    return paged(call, sorted(repo.deployments.values(), key=lambda item: int(item["id"]), reverse=True))


def statuses(repo: Repository, call: Call, number: str) -> Response:
    return paged(call, one(repo.statuses, number)[::-1])


def commit_at(repo: Repository, name: str) -> str:
    """A branch or sha as a commit."""
    if repo.tip is None:
        raise Refusal(409, "Git Repository is empty.")
    sha = repo.tip if name == "main" else name
    if sha not in repo.commits:
        raise Refusal(404, "Not Found")
    return sha


def commits(repo: Repository, call: Call) -> Response:
    since = call.query.get("since", "")
    found = repo.reached(commit_at(repo, call.query.get("sha", "main")))
    return paged(call, [item for item in found if repo.date(item["sha"]) >= since])


def compare(repo: Repository, call: Call, old: str, new: str) -> Response:
    before, after = ({item["sha"]: item for item in repo.reached(commit_at(repo, name))} for name in (old, new))
    ahead = [item for sha, item in after.items() if sha not in before][::-1]
    size, page = call.number("per_page", 250, 250), call.number("page", 1)
    behind = sum(sha not in after for sha in before)
    shown = ahead[(page - 1) * size : page * size]
    return Response(200, {"total_commits": len(ahead), "ahead_by": len(ahead), "behind_by": behind, "commits": shown})


def tree(repo: Repository, call: Call, name: str) -> Response:
    if repo.tip is None:
        raise Refusal(409, "Git Repository is empty.")
    entries = [
        {"path": path, "mode": "100644", "type": "blob", "sha": blob_sha(text), "size": len(text.encode())}
        for path, text in sorted(repo.files.items())
    ]
    return Response(200, {"sha": sha_of(json.dumps(entries)), "tree": entries, "truncated": False})


def blob(repo: Repository, call: Call, sha: str) -> Response:
    for text in repo.files.values():
        if blob_sha(text) == sha:
            return Response(200, {"sha": sha, "encoding": "base64", "content": base64.encodebytes(text.encode()).decode()})
    raise Refusal(404, "Not Found")


ROUTES: Sequence[tuple[str, Callable[..., Response]]] = (
    (r"", lambda repo, call: Response(200, repo.json())),
    (r"/issues", issues),
    (r"/pulls", pulls),
    (r"/pulls/(\d+)", lambda repo, call, number: Response(200, one(repo.pulls, number))),
    (r"/pulls/(\d+)/commits", pull_commits),
    (r"/pulls/(\d+)/reviews", lambda repo, call, number: paged(call, one(repo.reviews, number))),
    (r"/actions/workflows", lambda repo, call: paged(call, repo.workflows, "workflows")),
    (r"/actions/runs", runs),
    (r"/actions/runs/(\d+)", attempt),
    (r"/actions/runs/(\d+)/attempts/(\d+)", attempt),
    (r"/actions/runs/(\d+)/jobs", jobs),
    (r"/deployments", deployments),
    (r"/deployments/(\d+)/statuses", statuses),
    (r"/commits", commits),
    (r"/compare/(.+?)\.\.\.(.+)", compare),
    (r"/releases", lambda repo, call: paged(call, repo.releases[::-1])),
    (r"/git/trees/(.+)", tree),
    (r"/git/blobs/(\w+)", blob),
)
