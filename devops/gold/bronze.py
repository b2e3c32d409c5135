"""What a refresh reads of the connectors' tables: live rows of one repository, as the shapes that the rules take."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from devops.gold.changes import Pull
from devops.gold.deployments import INCIDENT, Deployment, Incident
from devops.gold.history import Commit
from devops.trees import Stored

SCHEMA = "ipai_bronze_devops"
EVER = datetime(1, 1, 2, tzinfo=UTC)
"""Since ever: everything is to be made again."""
PARTS: dict[str, tuple[str, ...]] = {
    "ci": ("workflows", "workflow_runs", "workflow_run_attempts", "workflow_jobs"),
    "delivery": ("commits", "pull_requests", "pull_request_commits", "deployments", "deployment_statuses", "issues"),
    "specs": ("spec_files", "repository_trees"),
}
"""Part of the figures -> the tables that it is made from."""

REPOSITORIES = """
SELECT _tenant_id, _connector_id, id, coalesce(full_name, name, id::text), html_url, coalesce(default_branch, 'main'),
       coalesce(archived, false)
FROM ipai_bronze_devops.repositories WHERE _connector_id = %s AND _deleted_at IS NULL ORDER BY id
"""
# Whether a repository has rows that were committed since; one step into an index.
CHANGED = """
SELECT EXISTS (
    SELECT FROM ipai_bronze_devops.{table}
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND greatest(_loaded_at, _deleted_at) >= %(since)s
)
"""
# Rows carry the beginning of their transaction: what is not committed yet will carry no earlier instant than this.
HORIZON = """
SELECT least(now(), min(xact_start)) - interval '100 ms' FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
"""
COMMITS = """
SELECT sha, parents, author_date, message, coalesce(author_login, author_name, ''), coalesce(html_url, ''), committer_date
FROM ipai_bronze_devops.commits WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL
"""
PULL_COMMITS = """
SELECT pull_request_number, sha, parents, author_date, message, coalesce(author_login, author_name, ''), coalesce(html_url, '')
FROM ipai_bronze_devops.pull_request_commits
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL
ORDER BY pull_request_number, position, sha
"""
PULLS = """
SELECT number, merged_at, merge_commit_sha FROM ipai_bronze_devops.pull_requests
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL AND merged_at IS NOT NULL
"""
DEPLOYMENTS = """
SELECT id, coalesce(sha, ''), coalesce(ref, ''), coalesce(environment, ''), created_at, payload, coalesce(creator_login, ''),
       coalesce(description, '')
FROM ipai_bronze_devops.deployments
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL AND created_at IS NOT NULL
ORDER BY created_at, id
"""
STATUSES = """
SELECT deployment_id, state, created_at FROM ipai_bronze_devops.deployment_statuses
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL AND created_at IS NOT NULL
ORDER BY deployment_id, created_at, id
"""
INCIDENTS = """
SELECT number, coalesce(title, ''), coalesce(body, ''), created_at, closed_at, coalesce(html_url, '')
FROM ipai_bronze_devops.issues
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL AND labels ? %(label)s
ORDER BY number
"""
DOCUMENTS = """
SELECT path, content FROM ipai_bronze_devops.spec_files
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL
"""
TREE = """
SELECT paths FROM ipai_bronze_devops.repository_trees
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of one connector."""

    tenant_id: UUID
    connector_id: UUID
    id: int
    name: str
    html_url: str | None
    default_branch: str
    archived: bool

    @property
    def key(self) -> dict[str, Any]:
        """The parameters of every statement about it."""
        return {"tenant": self.tenant_id, "connector": self.connector_id, "repository": self.id, "name": self.name}

    def link(self, path: str) -> str | None:
        """An address on the repository's site; None where it is not known."""
        return f"{self.html_url}/{path}" if self.html_url else None


def repositories(cursor: CursorWrapper, connector_id: UUID) -> list[Repository]:
    """The live repositories of a connector."""
    cursor.execute(REPOSITORIES, [connector_id])
    return [Repository(*row) for row in cursor.fetchall()]


def horizon(cursor: CursorWrapper) -> datetime:
    """The instant before which no row can appear any more."""
    cursor.execute(HORIZON)
    found: datetime = cursor.fetchone()[0]
    return found


def changed(cursor: CursorWrapper, repository: Repository, part: str, since: datetime) -> bool:
    """Whether a part's tables have rows of the repository from then on."""
    for table in PARTS[part]:
        cursor.execute(CHANGED.format(table=table), repository.key | {"since": since})
        if cursor.fetchone()[0]:
            return True
    return False


def commits(cursor: CursorWrapper, repository: Repository) -> tuple[list[Commit], datetime | None]:
    """The commits of the default branch, and when their history began: with a commit that has no parent, if it is loaded."""
    cursor.execute(COMMITS, repository.key)
    rows = cursor.fetchall()
    found = [_commit(row[:6]) for row in rows]
    dated = [(commit.parents != (), row[6]) for commit, row in zip(found, rows, strict=True) if row[6]]
    return found, min(dated, default=(True, None))[1]


def pulls(cursor: CursorWrapper, repository: Repository) -> tuple[list[Pull], list[Commit]]:
    """The merged pull requests with their commits, and the commits of all pull requests: some are deployed unmerged."""
    cursor.execute(PULL_COMMITS, repository.key)
    listed: dict[int, list[Commit]] = defaultdict(list)
    for number, *row in cursor.fetchall():
        listed[number].append(_commit(row))
    cursor.execute(PULLS, repository.key)
    merged = [Pull(number, merged_at, sha, listed.get(number, ())) for number, merged_at, sha in cursor.fetchall()]
    return merged, [commit for commits in listed.values() for commit in commits]


def _commit(row: Any) -> Commit:
    sha, parents, *rest = row
    return Commit(sha, tuple(_texts(parents)), *rest)


def _texts(value: Any) -> Iterator[str]:
    yield from (one for one in as_json(value) or () if isinstance(one, str))


def deployments(cursor: CursorWrapper, repository: Repository) -> list[Deployment]:
    """The deployments with their statuses, oldest first."""
    cursor.execute(STATUSES, repository.key)
    statuses: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    for number, state, at in cursor.fetchall():
        statuses[number].append((state, at))
    cursor.execute(DEPLOYMENTS, repository.key)
    return [
        Deployment(
            id=number,
            sha=sha,
            ref=ref,
            environment=environment,
            created_at=created_at,
            payload=as_json(payload),
            creator=creator,
            description=description,
            url=repository.link(f"deployments/{environment}") or "",
            statuses=statuses.get(number, ()),
        )
        for number, sha, ref, environment, created_at, payload, creator, description in cursor.fetchall()
    ]


def incidents(cursor: CursorWrapper, repository: Repository) -> list[Incident]:
    """The issues labelled ``incident``, in the order of their numbers."""
    cursor.execute(INCIDENTS, repository.key | {"label": INCIDENT})
    return [Incident(*row) for row in cursor.fetchall()]


def stored_tree(cursor: CursorWrapper, repository: Repository) -> Stored:
    """The files of the default branch: the content of specification documents, and the paths of all."""
    cursor.execute(DOCUMENTS, repository.key)
    contents = dict(cursor.fetchall())
    cursor.execute(TREE, repository.key)
    row = cursor.fetchone()
    return Stored(contents, _texts(row[0]) if row else ())


def as_json(value: Any) -> Any:
    """A jsonb value; Django's cursors hand over its text."""
    return json.loads(value) if isinstance(value, str) else value
