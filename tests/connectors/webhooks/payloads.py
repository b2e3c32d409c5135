"""Payloads of a made-up organisation, as small as GitHub's may be."""

from __future__ import annotations

from typing import Any

REPOSITORY = {
    "id": 7,
    "name": "shop",
    "full_name": "acme/shop",
    "private": True,
    "visibility": "private",
    "fork": False,
    "archived": False,
    "disabled": False,
    "default_branch": "main",
    "owner": {"login": "acme", "id": 1},
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-10-01T00:00:00Z",
    "pushed_at": "2026-10-01T00:00:00Z",
    "topics": [],
}
ANN = {"login": "ann", "id": 11}


def at(minute: int) -> str:
    """A moment of the story."""
    return f"2026-11-01T{minute // 60:02}:{minute % 60:02}:00Z"


def body(action: str | None, **parts: Any) -> dict[str, Any]:
    """A payload around its parts."""
    start = {"action": action} if action else {}
    return {**start, **parts, "repository": {**REPOSITORY, **parts.get("repository", {})}, "sender": ANN}


def issue(action: str, minute: int, number: int = 1, **more: Any) -> dict[str, Any]:
    """An issues event."""
    item = {
        "id": 1000 + number,
        "number": number,
        "title": f"Issue {number} at {minute}",
        "state": "closed" if action == "closed" else "open",
        "user": ANN,
        "labels": [{"name": "bug"}],
        "assignees": [],
        "closed_by": ANN if action == "closed" else None,
        "created_at": at(0),
        "updated_at": at(minute),
        "closed_at": at(minute) if action == "closed" else None,
        **more,
    }
    return body(action, issue=item)


def run(action: str, minute: int, attempt: int = 1, conclusion: str | None = None, run_id: int = 500) -> dict[str, Any]:
    """A workflow_run event."""
    status = {"requested": "queued", "in_progress": "in_progress", "completed": "completed"}[action]
    item = {
        "id": run_id,
        "workflow_id": 50,
        "name": "CI",
        "status": status,
        "conclusion": conclusion,
        "run_number": 3,
        "run_attempt": attempt,
        "head_sha": "a" * 40,
        "created_at": at(0),
        "run_started_at": at(0),
        "updated_at": at(minute),
        "actor": ANN,
    }
    workflow = {
        "id": 50,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "state": "active",
        "created_at": at(0),
        "updated_at": at(0),
    }
    return body(action, workflow_run=item, workflow=workflow)


def deployment(state: str | None, minute: int) -> tuple[str, dict[str, Any]]:
    """A deployment event, or for a state a deployment_status event, with its name."""
    item = {"id": 90, "sha": "a" * 40, "ref": "main", "environment": "production", "creator": ANN, "payload": {"kind": "deploy"}}
    item |= {"created_at": at(1), "updated_at": at(minute)}
    if state is None:
        return "deployment", body("created", deployment=item)
    status = {"id": 9000 + minute, "state": state, "creator": ANN, "created_at": at(minute), "updated_at": at(minute)}
    return "deployment_status", body("created", deployment=item, deployment_status=status)
