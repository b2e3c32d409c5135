"""What follows a load of DevOps records, and the tools that agents may call. Their cursor holds the caller's rights."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.db.backends.utils import CursorWrapper
from pydantic import Field

from devops import queries
from devops.definitions import DEFINITIONS
from devops.gold.refresh import refresh
from ipai.toolkit import Load, after_load, tool

GOLD = ("ipai_gold_devops",)
MOST = 500
Rows = list[dict[str, Any]]
Repository = Annotated[str | None, Field(description="Owner and name, e.g. octo/portal; all repositories without it")]
Month = Annotated[str | None, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="A UTC month, e.g. 2026-01")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many rows at most")]


@after_load("ipai_bronze_devops")
def refresh_gold(load: Load) -> None:
    """Bring the connector's figures up to date."""
    refresh(load.connector_id, load.tenant_id, was_read=load.was_read)


@tool(schemas=GOLD)
def ci_status(
    cursor: CursorWrapper,
    repository: Repository = None,
    state: Literal["green", "red", "unknown"] | None = None,
    limit: Limit = 200,
) -> Rows:
    """Workflows on each default branch as they are now: green or red, since when (age_s), who turned them, and the last run."""
    found = queries.CI_STATUS.rows(cursor, {"repository": repository, "state": state}, limit=limit)
    return [queries.with_age(row) for row in found]


@tool(schemas=GOLD)
def ci_metrics(
    cursor: CursorWrapper,
    repository: Repository = None,
    workflow: Annotated[str | None, Field(description="A workflow's name")] = None,
    first_month: Month = None,
    last_month: Month = None,
    limit: Limit = 200,
) -> Rows:
    """Workflows by month: runs, success rate, duration and queue percentiles in seconds, flaky rate, re-run rate, minutes."""
    given = {"repository": repository, "workflow": workflow, "from": first_month, "to": last_month, "period": "month"}
    return [queries.with_month(row) for row in queries.CI_METRICS.rows(cursor, given, limit=limit)]


@tool(schemas=GOLD)
def dora(
    cursor: CursorWrapper,
    repository: Repository = None,
    first_month: Month = None,
    last_month: Month = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    """DORA's five metrics by repository and month, with coverage, level and definitions."""
    given = {"repository": repository, "from": first_month, "to": last_month}
    rows = queries.DORA_MONTHS.rows(cursor, given, limit=limit)
    return {"definitions": DEFINITIONS, "rows": [queries.with_levels(row) for row in rows]}


@tool(schemas=GOLD)
def deployments(
    cursor: CursorWrapper,
    repository: Repository = None,
    environment: Annotated[str | None, Field(description="E.g. production")] = None,
    failed: Annotated[bool | None, Field(description="Only those that failed in production, or only others")] = None,
    limit: Limit = 50,
) -> Rows:
    """Deployments, newest first: states, success, changes brought, failure and rework with the reason."""
    given = {"repository": repository, "environment": environment, "failed": failed}
    return queries.DEPLOYMENTS.rows(cursor, given, limit=limit)


@tool(schemas=GOLD)
def spec_compliance(
    cursor: CursorWrapper,
    repository: Repository = None,
    compliant: Annotated[bool | None, Field(description="Only bundles that comply, or only others")] = None,
    limit: Limit = 200,
) -> Rows:
    """Spec Kit bundles: whether each complies, its problems, tasks done, requirements without a task, missing paths."""
    return queries.SPEC_COMPLIANCE.rows(cursor, {"repository": repository, "compliant": compliant}, limit=limit)
