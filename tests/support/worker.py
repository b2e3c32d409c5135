"""The Celery application with the test source registered: ``celery -A tests.support.worker worker``."""

from ipai.celery import app
from tests.support import numbers  # noqa: F401  (registers the source)

__all__ = ["app"]
