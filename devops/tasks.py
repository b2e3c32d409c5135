"""Celery tasks of the figures."""

from __future__ import annotations

from celery import shared_task

from devops.gold.refresh import refresh_all


@shared_task(name="devops.refresh", expires=900)
def refresh_figures() -> None:
    """Move the figures' now on, and make what a lost message left unmade."""
    refresh_all()
