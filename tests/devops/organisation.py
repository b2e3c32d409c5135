"""Bronze rows of a made-up organisation, written as a connector would have."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

from devops.gold.refresh import Refreshed, refresh

JSON = ("parents", "labels", "payload", "paths")


def at(text: str) -> datetime:
    """``01-31`` or ``01-31 10:00`` of 2026, UTC; a full ISO 8601 instant stays."""
    if text[:2] != "20":
        text = f"2026-{text}"
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Organisation:
    """The rows of one connector. Ids are given out; times are texts for :func:`at`."""

    def __init__(self, tenant_id: Any, connector_id: uuid.UUID | None = None) -> None:
        self.tenant_id, self.connector_id = tenant_id, connector_id or uuid.uuid4()
        self.next_id = 1000
        self.repository_id = self.repository("octo/portal")

    def insert(self, table: str, **values: Any) -> None:
        """A row; of one that is there already, these columns."""
        row = {"_connector_id": self.connector_id, "_tenant_id": self.tenant_id, "_run_id": uuid.uuid4(), **values}
        row["_loaded_at"] = datetime.now(UTC)
        columns = sql.SQL(", ").join(map(sql.Identifier, row))
        statement = sql.SQL("INSERT INTO ipai_bronze_devops.{0} ({1}) VALUES ({2}) ON CONFLICT ON CONSTRAINT {3} DO UPDATE SET {4}")
        with connection.cursor() as cursor:
            cursor.execute(
                statement.format(
                    sql.Identifier(table),
                    columns,
                    sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                    sql.Identifier(f"{table}_pkey"),
                    sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in row),
                ),
                [Jsonb(value) if name in JSON and value is not None else value for name, value in row.items()],
            )

    def delete(self, table: str, **key: Any) -> None:
        """Mark rows as deleted, as a load does."""
        where = " AND ".join(f"{name} = %s" for name in ("_connector_id", *key))
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE ipai_bronze_devops.{table} SET _deleted_at = clock_timestamp() WHERE {where}",
                [self.connector_id, *key.values()],
            )

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def repository(self, name: str, number: int | None = None) -> int:
        number = number or self.new_id()
        self.insert("repositories", id=number, full_name=name, default_branch="main", html_url=f"https://github.test/{name}")
        return number

    def commit(self, sha: str, when: str, *parents: str, message: str = "", on_default: bool = True) -> str:
        """A commit of the default branch (unless told otherwise: then only its id is of use)."""
        if on_default:
            self.insert("commits", repository_id=self.repository_id, **self._commit(sha, when, parents, message))
        return sha

    def _commit(self, sha: str, when: str, parents: Iterable[str], message: str) -> dict[str, Any]:
        return {
            "sha": sha,
            "parents": list(parents),
            "author_date": at(when),
            "committer_date": at(when),
            "message": message or f"Commit {sha}",
            "author_login": "ada",
        }

    def pull(self, commits: Iterable[tuple[str, str, tuple[str, ...]]], merge_sha: str, merged: str | None) -> int:
        """A pull request whose commits are ``(sha, when, parents)``; merged unless None."""
        number = self.new_id()
        state = {"merge_commit_sha": merge_sha, "merged_at": at(merged) if merged else None}
        self.insert("pull_requests", id=self.new_id(), repository_id=self.repository_id, number=number, **state)
        for position, (sha, when, parents) in enumerate(commits, 1):
            self.insert(
                "pull_request_commits",
                repository_id=self.repository_id,
                pull_request_number=number,
                position=position,
                **self._commit(sha, when, parents, ""),
            )
        return number

    def deploy(
        self, sha: str, *statuses: tuple[str, str], environment: str = "production", ref: str = "main", payload: Any = None
    ) -> int:
        """A deployment with ``(state, when)``; one success on a day may be told as ``("success", "01-05")``."""
        number = self.new_id()
        self.insert(
            "deployments",
            id=number,
            repository_id=self.repository_id,
            sha=sha,
            ref=ref,
            environment=environment,
            payload={} if payload is None else payload,
            created_at=at(statuses[0][1]) if statuses else at("01-01"),
        )
        for state, when in statuses:
            self.insert(
                "deployment_statuses",
                id=self.new_id(),
                repository_id=self.repository_id,
                deployment_id=number,
                state=state,
                created_at=at(when),
            )
        return number

    def incident(self, body: str, opened: str, closed: str | None = None, label: str = "incident") -> int:
        number = self.new_id()
        self.insert(
            "issues",
            id=self.new_id(),
            repository_id=self.repository_id,
            number=number,
            title="Down",
            body=body,
            labels=[label],
            created_at=at(opened),
            closed_at=at(closed) if closed else None,
        )
        return number

    def workflow(self, name: str) -> int:
        number = self.new_id()
        self.insert("workflows", id=number, repository_id=self.repository_id, name=name, path=f".github/{name}.yml", state="active")
        return number

    def run(self, workflow: int, conclusion: str | None, when: str, seconds: int = 60, **more: Any) -> int:
        """A run of the default branch that took so many seconds; without conclusion it is in progress."""
        number = more.pop("id", None) or self.new_id()
        begun = at(when)
        queue = more.pop("queue", None)
        attempt = more.get("run_attempt", 1)
        row = {
            "id": number,
            "repository_id": self.repository_id,
            "workflow_id": workflow,
            "name": "A run",
            "event": "push",
            "head_branch": "main",
            "head_sha": f"sha{number}",
            "actor_login": "ada",
            "run_attempt": attempt,
            "status": "completed" if conclusion else "in_progress",
            "conclusion": conclusion,
            "created_at": begun,
            "run_started_at": begun,
            "updated_at": begun + timedelta(seconds=seconds),
        }
        self.insert("workflow_runs", **(row | more))
        if queue is not None:
            self.insert(
                "workflow_jobs",
                id=self.new_id(),
                repository_id=self.repository_id,
                run_id=number,
                run_attempt=attempt,
                conclusion="success",
                started_at=begun + timedelta(seconds=queue),
                completed_at=begun + timedelta(seconds=seconds),
            )
        return number

    def earlier_attempt(self, run: int, attempt: int, conclusion: str) -> None:
        self.insert(
            "workflow_run_attempts",
            run_id=run,
            run_attempt=attempt,
            repository_id=self.repository_id,
            status="completed",
            conclusion=conclusion,
        )

    def refresh(self, *, full: bool = False) -> Refreshed:
        """Make the figures, none of which may fail."""
        done = refresh(self.connector_id, self.tenant_id, full=full)
        assert done.failed == {}
        return done

    def gold(self, table: str, columns: str = "*", where: str = "true", order: str = "1") -> list[dict[str, Any]]:
        """Rows of a gold table of this connector."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM ipai_gold_devops.{table} WHERE _connector_id = %s AND {where} ORDER BY {order}",
                [self.connector_id],
            )
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def dora(self, period: str = "all") -> dict[str, Any]:
        """The five metrics of the one repository."""
        (row,) = self.gold("dora", where=f"period = '{period}'")
        return row
