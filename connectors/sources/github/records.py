"""GitHub's JSON objects as rows of the bronze tables: pure functions, the same for REST answers and webhook payloads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.sources.github.tables import Row

Object = Mapping[str, Any]
STATUS_ORDER = {"in_progress": 1, "completed": 2}
"""How far a run or job is; everything else still waits."""


def repository(item: Object) -> Row:
    """A row of repositories."""
    names = (
        "id name full_name description private visibility fork archived disabled default_branch language topics has_issues size"
        " stargazers_count open_issues_count html_url updated_at"
    )
    # A push event gives these two as seconds since 1970.
    stamps = {name: _stamp(item.get(name)) for name in ("created_at", "pushed_at")}
    return {**_same(item, names), "owner_login": login(item.get("owner")), **stamps}


def issue(item: Object, repository_id: int) -> Row:
    """A row of issues. Not for a pull request, which GitHub lists among the issues: see :func:`is_pull_request`."""
    names = "id number title body state state_reason comments locked author_association html_url created_at updated_at closed_at"
    return {
        "repository_id": repository_id,
        **_same(item, names),
        **_people(item),
        "closed_by_login": login(item.get("closed_by")),
    }


def is_pull_request(item: Object) -> bool:
    """Whether an issue is really a pull request."""
    return item.get("pull_request") is not None


def pull_request(item: Object, repository_id: int) -> Row:
    """A row of pull_requests."""
    names = (
        "id number title body state draft locked author_association merge_commit_sha merged_at html_url created_at updated_at"
        " closed_at"
    )
    head, base = item.get("head") or {}, item.get("base") or {}
    return {
        "repository_id": repository_id,
        **_same(item, names),
        **_people(item),
        "requested_reviewers": _logins(item.get("requested_reviewers")),
        "head_ref": head.get("ref"),
        "head_sha": head.get("sha"),
        "head_repository_id": (head.get("repo") or {}).get("id"),
        "base_ref": base.get("ref"),
        "base_sha": base.get("sha"),
    }


def pull_request_commit(item: Object, repository_id: int, number: int, position: int) -> Row:
    """A row of pull_request_commits. ``position`` of the commit in its pull request, from 1."""
    row = commit(item, repository_id)
    del row["tree_sha"]
    return {**row, "pull_request_number": number, "position": position}


def review(item: Object, repository_id: int, number: int) -> Row:
    """A row of reviews. Webhooks say the state in lower case."""
    return {
        "repository_id": repository_id,
        "pull_request_number": number,
        **_same(item, "id body commit_id author_association html_url submitted_at"),
        "user_login": login(item.get("user")),
        "state": str(item.get("state") or "").upper(),
    }


def workflow(item: Object, repository_id: int) -> Row:
    """A row of workflows."""
    return {"repository_id": repository_id, **_same(item, "id name path state html_url created_at updated_at")}


def workflow_run(item: Object, repository_id: int) -> Row:
    """A row of workflow_runs: a run in its latest attempt."""
    names = (
        "id workflow_id name display_title path head_branch head_sha event status conclusion run_number html_url created_at"
        " run_started_at updated_at"
    )
    return {
        "repository_id": repository_id,
        **_same(item, names),
        "run_attempt": item.get("run_attempt") or 1,
        "status_order": STATUS_ORDER.get(str(item.get("status")), 0),
        "head_repository_id": (item.get("head_repository") or {}).get("id"),
        "actor_login": login(item.get("actor")),
        "triggering_actor_login": login(item.get("triggering_actor")),
    }


def workflow_run_attempt(item: Object, repository_id: int) -> Row:
    """A row of workflow_run_attempts: one attempt of a run, which is not the latest."""
    row = workflow_run(item, repository_id)
    return {"run_id": row.pop("id"), **row}


def workflow_job(item: Object, repository_id: int) -> Row:
    """A row of workflow_jobs."""
    names = (
        "id run_id workflow_name name head_branch head_sha status conclusion labels runner_id runner_name html_url created_at"
        " started_at completed_at"
    )
    return {
        "repository_id": repository_id,
        **_same(item, names),
        "run_attempt": item.get("run_attempt") or 1,
        "status_order": STATUS_ORDER.get(str(item.get("status")), 0),
    }


def deployment(item: Object, repository_id: int) -> Row:
    """A row of deployments."""
    names = (
        "id sha ref task environment original_environment description payload transient_environment production_environment"
        " created_at updated_at"
    )
    return {"repository_id": repository_id, **_same(item, names), "creator_login": login(item.get("creator"))}


def deployment_status(item: Object, repository_id: int, deployment_id: int) -> Row:
    """A row of deployment_statuses."""
    names = "id state environment description environment_url log_url target_url created_at updated_at"
    return {
        "repository_id": repository_id,
        "deployment_id": deployment_id,
        **_same(item, names),
        "creator_login": login(item.get("creator")),
    }


def commit(item: Object, repository_id: int) -> Row:
    """A row of commits. Logins are NULL where GitHub knows no account for the address."""
    git = item.get("commit") or {}
    author, committer = git.get("author") or {}, git.get("committer") or {}
    return {
        "repository_id": repository_id,
        "sha": item["sha"],
        "message": git.get("message"),
        "author_name": author.get("name"),
        "author_login": login(item.get("author")),
        "author_date": author.get("date"),
        "committer_login": login(item.get("committer")),
        "committer_date": committer.get("date"),
        "parents": [parent["sha"] for parent in item.get("parents") or ()],
        "tree_sha": (git.get("tree") or {}).get("sha"),
        "html_url": item.get("html_url"),
    }


def release(item: Object, repository_id: int) -> Row:
    """A row of releases."""
    names = "id tag_name name body draft prerelease target_commitish html_url created_at published_at updated_at"
    return {"repository_id": repository_id, **_same(item, names), "author_login": login(item.get("author"))}


def login(user: Any) -> str | None:
    """The login of a user; None for one that is gone."""
    return user.get("login") if user else None


def _same(item: Object, names: str) -> Row:
    return {name: item.get(name) for name in names.split()}


def _people(item: Object) -> Row:
    return {
        "user_login": login(item.get("user")),
        "labels": [label["name"] if isinstance(label, dict) else label for label in item.get("labels") or ()],
        "assignees": _logins(item.get("assignees")),
        "milestone_number": (item.get("milestone") or {}).get("number"),
    }


def _logins(users: Any) -> list[str]:
    return [user["login"] for user in users or () if user]


def _stamp(value: Any) -> str | None:
    """A timestamp as text; webhooks of pushes give seconds since 1970."""
    return datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, int) else value
