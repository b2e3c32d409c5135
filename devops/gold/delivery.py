"""Figures of delivery: changes, deployments and incidents of a repository, and what DORA's five metrics are made from."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb

from devops.gold import bronze
from devops.gold.bronze import Repository
from devops.gold.changes import Change, find_changes, note, trace
from devops.gold.deployments import Deployment, Incident, judge, shipments
from devops.gold.history import History
from devops.gold.rows import clear, copy_rows, own, statement

WINDOW = """
UPDATE ipai_gold_devops.repositories SET first_commit_at = %(first)s
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s
"""


MOVED = """
WITH gone AS (
    DELETE FROM ipai_gold_devops.deployment_timeline
    WHERE _connector_id = %(connector)s AND repository_id <> %(repository)s AND deployment_id = ANY (%(deployments)s)
    RETURNING repository_id
)
UPDATE ipai_gold_devops.repositories SET made_from = made_from - 'delivery'
WHERE _connector_id = %(connector)s AND repository_id IN (SELECT repository_id FROM gone)
"""
"""Deployments that another repository had: its figures are made again by the next refresh."""


def build_delivery(cursor: CursorWrapper, repository: Repository, since: datetime) -> None:
    """Changes, deployments, incidents and what the five metrics are made from. The graph is looked at as a whole."""
    on_default, first = bronze.commits(cursor, repository)
    pulls, of_pulls = bronze.pulls(cursor, repository)
    history = History([*of_pulls, *on_default])
    deployments, incidents = bronze.deployments(cursor, repository), bronze.incidents(cursor, repository)
    changes = find_changes(history, pulls, (commit.sha for commit in on_default))
    trace(history, changes, shipments(deployments))
    judge(history, deployments, incidents)
    for table in ("changes", "deployment_timeline", "incidents", "dora_counts"):
        clear(cursor, table, repository)
    cursor.execute(MOVED, repository.key | {"deployments": [one.id for one in deployments]})
    copy_rows(cursor, "changes", CHANGE, (_change(repository, change) for change in changes))
    shipped = Counter(change.shipment.id for change in changes if change.shipment)
    copy_rows(cursor, "deployment_timeline", DEPLOYMENT, (_deployment(repository, one, shipped[one.id]) for one in deployments))
    good = {one.id for one in shipments(deployments)}
    copy_rows(cursor, "incidents", INCIDENT, (_incident(repository, one, good) for one in incidents))
    cursor.execute(WINDOW, repository.key | {"first": first})
    cursor.execute(statement("dora_counts"), repository.key)


CHANGE = (
    *("repository", "sha", "landed_sha", "method", "pull_number", "message", "author", "authored_at"),
    *("deployment_id", "deployed_at", "lead_s", "notes", "html_url"),
)


def _change(repository: Repository, change: Change) -> tuple[Any, ...]:
    commit, shipment = change.commit, change.shipment
    return (
        *own(repository),
        repository.name,
        commit.sha,
        change.landed_sha,
        change.method,
        change.pull_number,
        commit.message.partition("\n")[0][:200],
        commit.author,
        commit.authored_at,
        shipment.id if shipment else None,
        shipment.at if shipment else None,
        change.lead_seconds,
        Jsonb(change.notes),
        commit.html_url or None,
    )


DEPLOYMENT = (
    *("repository", "deployment_id", "environment", "production", "sha", "ref", "description", "creator", "created_at"),
    *("states", "state", "succeeded_at", "changes", "failed", "failed_by", "incidents", "recovered_at", "recovery_s"),
    *("rolled_back_by", "rework", "rework_by", "notes", "html_url"),
)


def _deployment(repository: Repository, one: Deployment, changes: int) -> tuple[Any, ...]:
    states = [state for state, _ in one.statuses]
    return (
        *own(repository),
        repository.name,
        one.id,
        one.environment,
        one.production,
        one.sha,
        one.ref,
        one.description,
        one.creator,
        one.created_at,
        states,
        states[-1] if states else None,
        one.succeeded_at,
        changes,
        one.failed_by is not None,
        one.failed_by,
        one.incidents,
        one.recovered_at,
        one.recovery_seconds,
        one.rolled_back_by,
        one.rework_by is not None,
        one.rework_by,
        Jsonb(one.notes),
        one.url or None,
    )


INCIDENT = ("repository", "number", "title", "opened_at", "closed_at", "deployments", "notes", "html_url")


def _incident(repository: Repository, one: Incident, good: set[int]) -> tuple[Any, ...]:
    notes = []
    if not one.named:
        notes.append(note("change_fail_rate", "excluded", "names no deployment: none is blamed without a link"))
    elif not good & set(one.named):
        notes.append(note("change_fail_rate", "excluded", "names no deployment that succeeded in production here"))
    return (
        *own(repository),
        repository.name,
        one.number,
        one.title,
        one.opened_at,
        one.closed_at,
        one.named,
        Jsonb(notes),
        one.html_url or None,
    )
