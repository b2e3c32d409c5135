"""Makes the gold rows of what changed: per connector it finds the repositories and parts, each in a transaction of its own.

What fails for one repository is logged and kept with it, and stops no other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb

from devops.gold import bronze
from devops.gold.bronze import EVER, PARTS, Repository
from devops.gold.ci import build_ci
from devops.gold.delivery import build_delivery
from devops.gold.specs import build_specs
from ipai.clock import now

log = logging.getLogger(__name__)
BUILDERS = {"ci": build_ci, "delivery": build_delivery, "specs": build_specs}
"""Part -> what makes it from the rows that were committed since an instant."""
RULES = 1
"""Counts up when the rules change: everything is made again then."""

TABLES = (
    *("ci_runs", "ci_flaky_groups", "ci_metrics", "ci_status", "ci_anomalies"),
    *("deployment_timeline", "changes", "incidents", "dora_counts", "spec_compliance", "repositories"),
)
KNOWN = "SELECT repository_id, made_from, failure, as_of FROM ipai_gold_devops.repositories WHERE _connector_id = %s"
SAVE = """
INSERT INTO ipai_gold_devops.repositories AS t
    (_tenant_id, _connector_id, repository_id, repository, html_url, default_branch, archived, as_of, refreshed_at, made_from,
     read_at, failure)
VALUES (%(tenant)s, %(connector)s, %(repository)s, %(name)s, %(html_url)s, %(branch)s, %(archived)s, %(now)s, now(), %(made_from)s,
        %(now)s, %(failure)s)
ON CONFLICT (_connector_id, repository_id) DO UPDATE SET
    repository = excluded.repository, html_url = excluded.html_url, default_branch = excluded.default_branch,
    archived = excluded.archived, as_of = excluded.as_of, refreshed_at = excluded.refreshed_at, made_from = excluded.made_from,
    failure = excluded.failure
"""
AS_OF = """
UPDATE ipai_gold_devops.repositories SET as_of = %s, refreshed_at = now() WHERE _connector_id = %s AND failure IS NULL
"""
READ_AT = """
UPDATE ipai_gold_devops.repositories SET read_at = %s WHERE _connector_id = %s
"""
CONNECTORS = """
SELECT DISTINCT _tenant_id, _connector_id FROM ipai_bronze_devops.repositories
UNION SELECT DISTINCT _tenant_id, _connector_id FROM ipai_gold_devops.repositories
"""


@dataclass(slots=True)
class Refreshed:
    """What a refresh made: ``repository/part`` of each, repositories whose rows were removed, and why others failed."""

    parts: list[str] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Repository ("" for the connector as a whole) -> what went wrong."""


def refresh(connector_id: UUID, tenant_id: UUID, *, full: bool = False, was_read: bool = False) -> Refreshed:
    """Bring a connector's gold rows up to date; ``full`` makes all of them again. Harmless when repeated.

    One refresh of a tenant at a time; a repository's rows change together. ``was_read``: its source was just read to the end.
    """
    done = Refreshed()
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(cursor, tenant_id)
        live = bronze.repositories(cursor, connector_id)
        cursor.execute(KNOWN, [connector_id])
        gone = sorted({row[0] for row in cursor.fetchall()} - {repository.id for repository in live})
        _remove(cursor, connector_id, gone)
    done.removed = gone
    for repository in live:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                _lock(cursor, tenant_id)
                done.parts += [f"{repository.name}/{part}" for part in _refresh_one(cursor, repository, full=full)]
        except Exception as error:
            log.exception("The figures of %s of connector %s could not be made", repository.name, connector_id)
            done.failed[repository.name] = _keep_failure(repository, error)
    with connection.cursor() as cursor:
        cursor.execute(AS_OF, [now(), connector_id])
        if was_read:
            cursor.execute(READ_AT, [now(), connector_id])
    return done


def refresh_all(*, full: bool = False) -> dict[UUID, Refreshed]:
    """The same for every connector that has repositories."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTORS)
        listed = cursor.fetchall()
    done = {}
    for tenant, connector in listed:
        try:
            done[connector] = refresh(connector, tenant, full=full)
        except Exception as error:
            log.exception("The figures of connector %s could not be made", connector)
            done[connector] = Refreshed(failed={"": type(error).__name__})
    return done


def _refresh_one(cursor: CursorWrapper, repository: Repository, *, full: bool) -> list[str]:
    """Make the parts of one repository whose tables changed; their names."""
    horizon = bronze.horizon(cursor).isoformat()
    cursor.execute(f"{KNOWN} AND repository_id = %s", [repository.connector_id, repository.id])
    row = cursor.fetchone()
    before: dict[str, Any] = bronze.as_json(row[1]) if row else {}
    failed = bool(row and row[2])
    itself = [RULES, repository.name, repository.html_url, repository.default_branch, repository.archived]
    if full or before.get("itself") != itself:
        before = {}
    since = {part: datetime.fromisoformat(before[part]) if part in before else EVER for part in PARTS}
    stale = [part for part in PARTS if part not in before or bronze.changed(cursor, repository, part, since[part])]
    if not stale and not failed:
        return []
    after = before | dict.fromkeys(stale, horizon) | {"itself": itself}
    _save(cursor, repository, after, now())
    for part in stale:
        BUILDERS[part](cursor, repository, since[part])
    return stale


def _save(
    cursor: CursorWrapper, repository: Repository, made_from: dict[str, Any], as_of: datetime, failure: str | None = None
) -> None:
    values = {"html_url": repository.html_url, "branch": repository.default_branch, "archived": repository.archived}
    state = {"now": as_of, "made_from": Jsonb(made_from), "failure": failure}
    cursor.execute(SAVE, repository.key | values | state)


def _keep_failure(repository: Repository, error: Exception) -> str:
    """Note beside a repository's figures, which stay as they were, what went wrong: its kind, since messages hold records."""
    failure = type(error.__cause__ or error).__name__
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(cursor, repository.tenant_id)
        cursor.execute(f"{KNOWN} AND repository_id = %s", [repository.connector_id, repository.id])
        row = cursor.fetchone()
        before, as_of = (bronze.as_json(row[1]), row[3]) if row else ({}, now())
        _save(cursor, repository, before, as_of, failure)
    return failure


def _remove(cursor: CursorWrapper, connector_id: UUID, repositories: list[int]) -> None:
    for table in TABLES if repositories else ():
        cursor.execute(
            f"DELETE FROM ipai_gold_devops.{table} WHERE _connector_id = %s AND repository_id = ANY (%s)",  # noqa: S608
            [connector_id, repositories],
        )


def _lock(cursor: CursorWrapper, tenant_id: UUID) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"gold_devops {tenant_id}"])
