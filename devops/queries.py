"""Every read of the gold tables. Each takes a cursor of a governed session, so the database decides which rows are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.backends.utils import CursorWrapper

from devops.gold.bronze import as_json
from devops.levels import level
from ipai.clock import now
from ipai.observability.console.records import is_web_address

Row = dict[str, Any]
SCHEMA = "ipai_gold_devops"
FRESH = timedelta(days=7)
"""How long an anomaly is shown after it was seen last."""
MOST = 10_000
"""Rows of one page."""
ADDRESSES = ("html_url", "turned_url", "last_url")
"""Columns that a vendor filled with addresses: whoever writes them may write ``javascript:`` too."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: its columns, the key that orders it (``down``: newest first) and pages it, and its filters.

    ``filters`` are conditions by the name of a parameter. JSON columns are decoded, and an address that is not
    one of the web is None: pages, API and tools link what stands here.
    """

    table: str
    columns: str
    key: tuple[str, ...]
    filters: Mapping[str, str]
    down: bool = False
    where: str = ""
    decoded: tuple[str, ...] = ()

    def rows(
        self, cursor: CursorWrapper, given: Mapping[str, Any] | None = None, *, limit: int = MOST, after: Sequence[Any] = ()
    ) -> list[Row]:
        """At most ``limit`` rows for which all ``given`` filters hold (None and "" do not filter), behind a key."""
        conditions, values = self._conditions(given)
        key = ", ".join(self.key)
        if after:
            conditions.append(f"({key}) {'<' if self.down else '>'} ({', '.join(['%s'] * len(self.key))})")
            values += after
        order = ", ".join(f"{column} DESC" if self.down else column for column in self.key)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        cursor.execute(f"SELECT {self.columns} FROM {SCHEMA}.{self.table}{where} ORDER BY {order} LIMIT %s", [*values, limit])  # noqa: S608
        names = [column[0] for column in cursor.description]
        return [self._row(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]

    def counts(self, cursor: CursorWrapper, given: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
        """How many rows for which ``given`` holds there are in each part: those for which its filters hold as well."""
        conditions, values = self._conditions(given)
        found = {name: self._conditions(part) for name, part in parts.items()}
        columns = ", ".join(f"count(*) FILTER (WHERE {' AND '.join(part) or 'true'})" for part, _ in found.values())
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        inner = [value for _, of_part in found.values() for value in of_part]
        cursor.execute(f"SELECT {columns} FROM {SCHEMA}.{self.table}{where}", [*inner, *values])  # noqa: S608
        return dict(zip(found, cursor.fetchone(), strict=True))

    def _conditions(self, given: Mapping[str, Any] | None) -> tuple[list[str], list[Any]]:
        chosen = {name: value for name, value in (given or {}).items() if value not in (None, "")}
        return [*([self.where] if self.where else []), *(self.filters[name] for name in chosen)], list(chosen.values())

    def _row(self, row: Row) -> Row:
        links = {name: row[name] if row[name] and is_web_address(row[name]) else None for name in ADDRESSES if name in row}
        return plain(row) | links | {name: as_json(row[name]) for name in self.decoded}


def plain(row: Row) -> Row:
    """A row with numbers that JSON has: numeric becomes float."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


WHOSE = {"repository": "repository = %s", "connector": "_connector_id = %s"}
MONTHS = WHOSE | {"from": "period >= %s", "to": "period <= %s"}
WORKFLOW = {"workflow": "workflow = %s", "workflow_id": "workflow_id = %s"}

REPOSITORIES = Listing(
    "repositories",
    "_connector_id AS connector_id, repository_id, repository, html_url, default_branch, archived, first_commit_at, as_of,"
    " refreshed_at",
    ("repository", "_connector_id"),
    WHOSE,
)
TROUBLES = Listing(
    "repositories",
    "_connector_id AS connector_id, repository, failure, read_at, as_of",
    ("repository", "_connector_id"),
    {"read_before": "(failure IS NOT NULL OR coalesce(read_at < %s, true))"},
)
SPEC_COMPLIANCE = Listing(
    "spec_compliance",
    "_connector_id AS connector_id, repository, bundle, layout, compliant, problems, findings, tasks_done, tasks_total,"
    " requirements, requirements_with_task, requirements_without_task, missing_paths, html_url",
    ("repository", "bundle", "_connector_id"),
    WHOSE | {"bundle": "bundle = %s", "compliant": "compliant = %s"},
    decoded=("findings", "missing_paths"),
)
CI_METRICS = Listing(
    "ci_metrics",
    "_connector_id AS connector_id, repository, workflow_id, workflow, path, granularity, period, runs, completed, by_conclusion,"
    " success_rate, success_rate_ran, duration_p50_s, duration_p95_s, queue_p50_s, queue_p95_s, flaky_groups, judged_groups,"
    " flaky_rate, rerun_runs, rerun_rate, runner_minutes",
    ("repository", "workflow", "period", "workflow_id", "_connector_id"),
    MONTHS | WORKFLOW | {"period": "granularity = %s"},
    decoded=("by_conclusion",),
)
CI_STATUS = Listing(
    "ci_status",
    "_connector_id AS connector_id, repository, workflow_id, workflow, workflow_state, branch, state, running, since,"
    " runs_in_state, turned_by, turned_sha, turned_url, last_run_id, last_run_at, last_conclusion, last_actor, last_url",
    ("repository", "workflow", "workflow_id", "_connector_id"),
    WHOSE | WORKFLOW | {"state": "state = %s"},
)
CI_RUNS = Listing(
    "ci_runs AS run JOIN ipai_gold_devops.repositories AS of USING (_connector_id, repository_id)",
    "_connector_id AS connector_id, repository, run_id, workflow_id, run_number, title, event, branch, head_sha, actor,"
    " attempt, status, conclusion, created_at, started_at, updated_at, duration_s, queue_s, runner_s, run.html_url,"
    " (SELECT workflow FROM ipai_gold_devops.ci_metrics AS named WHERE named._connector_id = run._connector_id"
    " AND named.workflow_id = run.workflow_id AND named.period = 'all') AS workflow",
    ("created_at", "run_id", "_connector_id"),
    WHOSE
    | {
        "workflow_id": "workflow_id = %s",
        "from": "created_at >= %s",
        "to": "created_at < %s",
        "conclusion": "coalesce(conclusion, status) = %s",
        "counted": "(status = 'completed' AND conclusion IS DISTINCT FROM 'cancelled') = %s",
        "succeeded": "(conclusion IS NOT DISTINCT FROM 'success') = %s",
        "attempts": "attempt >= %s",
        "ran": "ran = %s",
        "head_sha": "head_sha = %s",
    },
    down=True,
)
FLAKY = Listing(
    "ci_flaky_groups AS flaky JOIN ipai_gold_devops.repositories AS of USING (_connector_id, repository_id)",
    "_connector_id AS connector_id, repository, workflow_id, head_sha, first_run_at, attempts, run_ids, of.html_url",
    ("first_run_at", "workflow_id", "head_sha", "_connector_id"),
    WHOSE | {"workflow_id": "workflow_id = %s", "from": "first_run_at >= %s", "to": "first_run_at < %s"},
    down=True,
    where="succeeded AND failed",
)
ANOMALIES = Listing(
    "ci_anomalies",
    "_connector_id AS connector_id, repository, workflow_id, workflow, kind, since, until, value, usual, score, explanation",
    ("repository", "workflow", "kind", "workflow_id", "_connector_id"),
    WHOSE | WORKFLOW | {"after": "until > %s"},
)
DEPLOYMENTS = Listing(
    "deployment_timeline",
    "_connector_id AS connector_id, repository, deployment_id, environment, production, sha, ref, description, creator, created_at,"
    " states, state, succeeded_at, changes, failed, failed_by, incidents, recovered_at, recovery_s, rolled_back_by, rework,"
    " rework_by, notes, html_url",
    ("created_at", "deployment_id", "_connector_id"),
    WHOSE
    | {
        "environment": "environment = %s",
        "from": "created_at >= %s",
        "to": "created_at < %s",
        "production": "production = %s",
        "failed": "failed = %s",
        "rework": "rework = %s",
        "month": "production AND succeeded_at IS NOT NULL AND to_char(succeeded_at AT TIME ZONE 'UTC', 'YYYY-MM') = %s",
        "deployment": "deployment_id = %s",
        "shipped": "(production AND succeeded_at IS NOT NULL) = %s",
    },
    down=True,
    decoded=("notes",),
)
CHANGES = Listing(
    "changes",
    "_connector_id AS connector_id, repository, sha, landed_sha, method, pull_number, message, author, authored_at, deployment_id,"
    " deployed_at, lead_s, notes, html_url",
    ("authored_at", "sha", "_connector_id"),
    WHOSE
    | {
        "deployment": "deployment_id = %s",
        "authored": "to_char(authored_at AT TIME ZONE 'UTC', 'YYYY-MM') = %s",
        "month": "to_char(deployed_at AT TIME ZONE 'UTC', 'YYYY-MM') = %s",
        "deployed": "(deployed_at IS NOT NULL) = %s",
    },
    down=True,
    decoded=("notes",),
)
INCIDENTS = Listing(
    "incidents",
    "_connector_id AS connector_id, repository, number, title, opened_at, closed_at, deployments, notes, html_url",
    ("opened_at", "number", "_connector_id"),
    WHOSE | {"from": "coalesce(closed_at, 'infinity') >= %s", "to": "opened_at < %s", "open": "(closed_at IS NULL) = %s"},
    down=True,
    decoded=("notes",),
)
DORA_ITEMS = Listing(
    "dora_items",
    "_connector_id AS connector_id, repository, item_type, item, period AS month, at, metric, kind, reason, html_url",
    ("repository", "metric", "kind", "item_type", "item", "_connector_id"),
    MONTHS | {"metric": "metric = %s", "kind": "kind = %s"},
)
DORA = Listing(
    "dora",
    "_connector_id AS connector_id, repository, period, days, production_attempts, deployments, deployment_frequency,"
    " deployed_changes, change_lead_time_s, change_lead_time_p95_s, changes, lead_time_coverage, failed, change_fail_rate,"
    " failed_deployment_recovery_s, recovered, not_recovered, rework, deployment_rework_rate, as_of",
    ("repository", "period", "_connector_id"),
    MONTHS,
)
DORA_MONTHS = Listing(DORA.table, DORA.columns, DORA.key, DORA.filters, where="period <> 'all'")
DORA_ALL = Listing(DORA.table, DORA.columns, DORA.key, DORA.filters, where="period = 'all'")
METRICS = (
    *("deployment_frequency", "change_lead_time_s", "change_fail_rate", "failed_deployment_recovery_s"),
    "deployment_rework_rate",
)


def with_levels(row: Row) -> Row:
    """A row of :data:`DORA` in the contract's shape: hours, the month (None: all of the window) and a level for each metric."""
    lead, recovery = row["change_lead_time_s"], row["failed_deployment_recovery_s"]
    return row | {
        "month": None if row["period"] == "all" else row["period"],
        "change_lead_time_hours": None if lead is None else lead / 3600,
        "failed_deployment_recovery_hours": None if recovery is None else recovery / 3600,
        "levels": {name: level(name, row[name]) for name in METRICS if level(name, row[name])},
    }


def with_age(row: Row, at: datetime | None = None) -> Row:
    """A row of :data:`CI_STATUS` with how long its state has held, in seconds."""
    since = row["since"]
    age = None if since is None else max(0, round(((at or now()) - since).total_seconds()))
    return row | {"age_s": age}


def with_month(row: Row) -> Row:
    """A row of :data:`CI_METRICS` with its month (None: all)."""
    return row | {"month": None if row["granularity"] == "all" else row["period"][:7]}


def newest_refresh(cursor: CursorWrapper) -> Row | None:
    """When the figures that the caller sees were made, None where there are none:
    ``{"as_of", "refreshed_at", "oldest", "repositories"}``.
    """
    cursor.execute(
        "SELECT max(as_of), max(refreshed_at), min(refreshed_at), count(*) FROM ipai_gold_devops.repositories HAVING count(*) > 0"
    )
    row = cursor.fetchone()
    return dict(zip(("as_of", "refreshed_at", "oldest", "repositories"), row, strict=True)) if row else None


def troubles(cursor: CursorWrapper, read_before: datetime) -> list[Row]:
    """Repositories whose figures could not be made, or whose connector has not read its source since an instant."""
    return TROUBLES.rows(cursor, {"read_before": read_before})


def environments(cursor: CursorWrapper) -> list[str]:
    """The environments that anything was deployed to, production first."""
    cursor.execute(
        "SELECT environment FROM ipai_gold_devops.deployment_timeline"
        " GROUP BY environment ORDER BY bool_or(production) DESC, environment"
    )
    return [row[0] for row in cursor.fetchall()]


def item_counts(cursor: CursorWrapper, of: Mapping[str, str], month: str | None) -> list[Row]:
    """How many items each metric leaves out or infers, with example; ``of`` a repository and its connector, in a month or all."""
    cursor.execute(
        "SELECT metric, kind, item_type, count(*) AS number, min(reason) AS example FROM ipai_gold_devops.dora_items"
        " WHERE (%(repository)s::text IS NULL OR repository = %(repository)s) AND (%(month)s::text IS NULL OR period = %(month)s)"
        " AND (%(connector)s::uuid IS NULL OR _connector_id = %(connector)s::uuid)"
        " GROUP BY metric, kind, item_type ORDER BY metric, kind, item_type",
        {"repository": of.get("repository"), "connector": of.get("connector"), "month": month},
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
