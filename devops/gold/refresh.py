"""Makes the gold rows of what changed: per connector it finds the repositories and parts, each in a transaction of its own."""

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
KNOWN = "SELECT repository_id, made_from FROM ipai_gold_devops.repositories WHERE _connector_id = %s"
SAVE = """
INSERT INTO ipai_gold_devops.repositories AS t
    (_tenant_id, _connector_id, repository_id, repository, html_url, default_branch, archived, as_of, refreshed_at, made_from)
VALUES (%(tenant)s, %(connector)s, %(repository)s, %(name)s, %(html_url)s, %(branch)s, %(archived)s, %(now)s, now(), %(made_from)s)
ON CONFLICT (_connector_id, repository_id) DO UPDATE SET
    repository = excluded.repository, html_url = excluded.html_url, default_branch = excluded.default_branch,
    archived = excluded.archived, as_of = excluded.as_of, refreshed_at = excluded.refreshed_at, made_from = excluded.made_from
"""
AS_OF = """
UPDATE ipai_gold_devops.repositories SET as_of = %s, refreshed_at = now() WHERE _connector_id = %s
"""
CONNECTORS = """
SELECT DISTINCT _tenant_id, _connector_id FROM ipai_bronze_devops.repositories
UNION SELECT DISTINCT _tenant_id, _connector_id FROM ipai_gold_devops.repositories
"""


@dataclass(slots=True)
class Refreshed:
    """What a refresh made: ``repository/part`` of each, and repositories whose rows were removed."""

    parts: list[str] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)


def refresh(connector_id: UUID, tenant_id: UUID, *, full: bool = False) -> Refreshed:
    """Bring a connector's gold rows up to date; ``full`` makes all of them again. Harmless when repeated.

    One refresh of a tenant at a time; a repository's rows change together.
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
        with transaction.atomic(), connection.cursor() as cursor:
            _lock(cursor, tenant_id)
            done.parts += [f"{repository.name}/{part}" for part in _refresh_one(cursor, repository, full=full)]
    with connection.cursor() as cursor:
        cursor.execute(AS_OF, [now(), connector_id])
    return done


def refresh_all(*, full: bool = False) -> dict[UUID, Refreshed]:
    """The same for every connector that has repositories."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTORS)
        listed = cursor.fetchall()
    return {connector: refresh(connector, tenant, full=full) for tenant, connector in listed}


def _refresh_one(cursor: CursorWrapper, repository: Repository, *, full: bool) -> list[str]:
    """Make the parts of one repository whose tables changed; their names."""
    horizon = bronze.horizon(cursor).isoformat()
    cursor.execute(f"{KNOWN} AND repository_id = %s", [repository.connector_id, repository.id])
    row = cursor.fetchone()
    before: dict[str, Any] = bronze.as_json(row[1]) if row else {}
    itself = [RULES, repository.name, repository.html_url, repository.default_branch, repository.archived]
    if full or before.get("itself") != itself:
        before = {}
    since = {part: datetime.fromisoformat(before[part]) if part in before else EVER for part in PARTS}
    stale = [part for part in PARTS if part not in before or bronze.changed(cursor, repository, part, since[part])]
    if not stale:
        return []
    after = before | dict.fromkeys(stale, horizon) | {"itself": itself}
    values = {"html_url": repository.html_url, "branch": repository.default_branch, "archived": repository.archived}
    cursor.execute(SAVE, repository.key | values | {"now": now(), "made_from": Jsonb(after)})
    for part in stale:
        BUILDERS[part](cursor, repository, since[part])
    return stale


def _remove(cursor: CursorWrapper, connector_id: UUID, repositories: list[int]) -> None:
    for table in TABLES if repositories else ():
        cursor.execute(
            f"DELETE FROM ipai_gold_devops.{table} WHERE _connector_id = %s AND repository_id = ANY (%s)",  # noqa: S608
            [connector_id, repositories],
        )


def _lock(cursor: CursorWrapper, tenant_id: UUID) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"gold_devops {tenant_id}"])
