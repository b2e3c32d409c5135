"""Where Celery finds this app's tasks."""

from finance.reconciliation.tasks import suggest

__all__ = ["suggest"]
