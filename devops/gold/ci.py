"""Figures of workflows: what SQL says plainly is in ``devops/sql``, the anomalies are judged here."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from devops.gold.anomalies import WEEK, WEEKS, Sample, slower, worse
from devops.gold.bronze import EVER, Repository
from devops.gold.rows import clear, copy_rows, own, statement
from ipai.clock import now

FIGURES = ("ci_flaky_groups", "ci_metrics", "ci_status", "ci_anomalies")
FORGET = "DELETE FROM ipai_gold_devops.{table} WHERE _connector_id = %(connector)s AND workflow_id = ANY (%(workflows)s)"
SAMPLES = """
SELECT workflow_id, created_at, conclusion <> 'success', duration_s FROM ipai_gold_devops.ci_runs
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s) AND ran
  AND created_at > %(since)s
"""
GROUPS = """
SELECT workflow_id, first_run_at, succeeded AND failed FROM ipai_gold_devops.ci_flaky_groups
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
  AND (succeeded OR failed) AND first_run_at > %(since)s
"""
NAMES = """
SELECT workflow_id, workflow FROM ipai_gold_devops.ci_metrics
WHERE _connector_id = %(connector)s AND workflow_id = ANY (%(workflows)s) AND granularity = 'all'
"""


def build_ci(cursor: CursorWrapper, repository: Repository, since: datetime) -> None:
    """Runs that changed, and the figures of their workflows."""
    if since == EVER:
        for table in ("ci_runs", *FIGURES):
            clear(cursor, table, repository)
    key = repository.key | {"since": since, "branch": repository.default_branch}
    cursor.execute("DROP TABLE IF EXISTS pg_temp.devops_touched")
    cursor.execute(statement("ci_touched"), key)
    cursor.execute("ANALYZE devops_touched")
    cursor.execute(statement("ci_workflows"), key)
    key["workflows"] = [row[0] for row in cursor.fetchall()]
    cursor.execute(statement("ci_runs_delete"), key)
    cursor.execute(statement("ci_runs"), key)
    for table in FIGURES:
        cursor.execute(FORGET.format(table=table), key)
    for table in ("ci_flaky_groups", "ci_metrics", "ci_status"):
        cursor.execute(statement(table), key)
    copy_rows(cursor, "ci_anomalies", ANOMALY, _anomalies(cursor, repository, key))


ANOMALY = ("repository", "workflow_id", "workflow", "kind", "since", "until", "value", "usual", "score", "explanation")


def _anomalies(cursor: CursorWrapper, repository: Repository, key: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of ``ci_anomalies`` of some workflows."""
    until = now()
    key = key | {"since": until - (WEEKS + 2) * WEEK}
    runs: dict[int, list[Sample]] = defaultdict(list)
    groups: dict[int, list[Sample]] = defaultdict(list)
    cursor.execute(SAMPLES, key)
    for workflow, at, bad, seconds in cursor.fetchall():
        runs[workflow].append(Sample(at, bad, seconds))
    cursor.execute(GROUPS, key)
    for workflow, at, flaky in cursor.fetchall():
        groups[workflow].append(Sample(at, flaky))
    cursor.execute(NAMES, key)
    names = dict(cursor.fetchall())
    found = [
        (workflow, one)
        for workflow in sorted(names)
        for one in (
            slower(runs[workflow], until),
            worse("failing", runs[workflow], until),
            worse("flakier", groups[workflow], until),
        )
        if one
    ]
    return [
        (
            *(*own(repository), repository.name, workflow, names[workflow], one.kind, until - WEEK, until),
            *(one.value, one.usual, one.score, one.explanation),
        )
        for workflow, one in found
    ]
