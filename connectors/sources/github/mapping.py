"""What becomes of each field of GitHub's objects, for people: a column, or ``_raw`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.contract import FieldMapping
from connectors.sources.github.tables import Table

SAMPLE = 200
"""Records of a run that are looked at: GitHub gives all records of a kind the same fields."""
KINDS = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
DERIVED: Mapping[str, str] = {
    "repository_id": "id of the repository that it was read from",
    "pull_request_number": "number of the pull request that it was read from",
    "deployment_id": "id of the deployment that it was read from",
    "position": "place in the pull request, from 1",
    "status_order": "how far status is: 0 waiting, 1 in progress, 2 completed",
    "omitted": "why there is no content",
    "ref": "the default branch",
}
"""Columns that no field of the object gives -> what they hold."""
_SHARED = {"labels": "labels[].name", "parents": "parents[].sha", "milestone_number": "milestone.number"}
_LISTS = {name: f"{name}[].login" for name in ("assignees", "requested_reviewers")}
_HEAD = {f"{side}_{what}": f"{side}.{what}" for side in ("head", "base") for what in ("ref", "sha")}
_COMMIT = {
    "message": "commit.message",
    "tree_sha": "commit.tree.sha",
    "committer_date": "commit.committer.date",
    "author_name": "commit.author.name",
    "author_date": "commit.author.date",
}
ORIGINS: Mapping[str, Mapping[str, str]] = {
    "pull_requests": {**_HEAD, "head_repository_id": "head.repo.id"},
    "commits": _COMMIT,
    "pull_request_commits": _COMMIT,
    "workflow_runs": {"head_repository_id": "head_repository.id"},
    "workflow_run_attempts": {"head_repository_id": "head_repository.id", "run_id": "id"},
    "workflow_jobs": {"labels": "labels"},
    "repository_trees": {"paths": "tree[].path"},
}
"""Table -> column -> where it is in the object, if not under the column's name."""


def kinds_of(raws: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """The fields of these JSON objects with their JSON types; ``known`` ones are added. ``null`` until a value was seen."""
    found = dict(known)
    for raw in raws:
        for name, value in msgspec.json.decode(raw).items():
            if found.get(name, "null") == "null":
                found[name] = KINDS.get(type(value), "null")
    return found


def mapping(table: Table, seen: Mapping[str, str]) -> list[FieldMapping]:
    """Columns first, in the table's order, then the fields in ``seen`` that stay in ``_raw``."""
    columns = [_column(table, name, kind, seen) for name, kind in table.columns.items()]
    used = {top(field.name) for field in columns}
    raw = [FieldMapping(name, name, kind, in_raw=True) for name, kind in sorted(seen.items()) if name not in used]
    return columns + raw


def top(path: str) -> str:
    """The field of the object itself that a path begins with."""
    return path.partition(".")[0].removesuffix("[]")


def _column(table: Table, column: str, kind: str, seen: Mapping[str, str]) -> FieldMapping:
    path = origin(table.name, column)
    if column in DERIVED and (not seen or top(path) not in seen):
        return FieldMapping("", DERIVED[column], "", column, kind)
    return FieldMapping(path, path.replace("[]", "").replace(".", " "), seen.get(top(path), ""), column, kind)


def origin(table: str, column: str) -> str:
    """Where a column's value is in the object: ``user.login``."""
    path = ORIGINS.get(table, {}).get(column) or (_SHARED | _LISTS).get(column)
    if path is None:
        return f"{column.removesuffix('_login')}.login" if column.endswith("_login") else column
    return path


def full_name(raw: Any) -> str | None:
    """The repository that an object's API addresses name: ``octo/portal`` of ``.../repos/octo/portal/deployments/1``."""
    try:
        item: Any = msgspec.json.decode(raw) if isinstance(raw, str | bytes) else raw
        address = str(item.get("repository_url") or item.get("url") or "")
    except (msgspec.DecodeError, AttributeError):
        return None
    _, found, rest = address.partition("/repos/")
    parts = rest.split("/")
    return f"{parts[0]}/{parts[1]}" if found and len(parts) > 1 and all(parts[:2]) else None
