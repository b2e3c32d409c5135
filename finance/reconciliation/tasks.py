"""Celery tasks of reconciliation; running one twice does no harm."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from finance.reconciliation.recompute import recompute


@shared_task(name="finance.suggest")
def suggest(connector_id: str, tenant_id: str) -> None:
    """Bring the suggestions of a connector up to date."""
    recompute(UUID(connector_id), UUID(tenant_id))
