"""Reads of the audit log, and of what /readyz and /metrics tell. The control plane's tables meet here by name, not by import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from ipai.access.models import Tenant
from ipai.observability.models import AuditLog

RUNS = "SELECT status, count(*) FROM ipai_connector_run GROUP BY status"
ROWS = """
SELECT coalesce(sum(rows_read), 0), coalesce(sum(rows_written + rows_updated), 0), coalesce(sum(rows_rejected), 0)
FROM ipai_connector_run_stream
"""
LEASE = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(started_at)), 0)::float8
FROM ipai_connector_run_stream WHERE status = 'running' AND lease_expires_at IS NOT NULL
"""
WAITING = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8 FROM ipai_connector_run WHERE status = 'queued'
"""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """For /metrics. Seconds are 0 when nothing runs or waits."""

    by_status: dict[str, int]
    rows_read: int
    rows_written: int
    rows_rejected: int
    oldest_lease_seconds: float
    oldest_queued_seconds: float


def events_for(tenant: Tenant | None) -> QuerySet[AuditLog]:
    """Audit events of a tenant (None: of all), newest first."""
    return AuditLog.objects.all() if tenant is None else AuditLog.objects.filter(tenant=tenant)


def run_figures() -> RunFigures:
    """Runs and rows of all tenants, over the history that is kept."""
    with connection.cursor() as cursor:
        cursor.execute(RUNS)
        by_status = dict(cursor.fetchall())
        cursor.execute(ROWS)
        read, written, rejected = (int(value) for value in cursor.fetchone())
        cursor.execute(LEASE)
        lease: Any = cursor.fetchone()[0]
        cursor.execute(WAITING)
        waiting: Any = cursor.fetchone()[0]
    return RunFigures(by_status, read, written, rejected, lease, waiting)
