"""Whether the portal works: the process, what it rests on, and its figures for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from functools import cache

import psycopg
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from kombu import Connection
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ipai.observability import queries
from ipai.observability.middleware import HTTP_REQUESTS, HTTP_SECONDS

log = logging.getLogger(__name__)
READY_WITHIN = 3.0
"""Seconds that all probes have together."""
CONNECT_WITHIN = 2

OPEN = ("queued", "running")
STATUSES = (*OPEN, "success", "failed", "cancelled")

collectors: list[Callable[[CollectorRegistry], None]] = []
"""What apps add to /metrics, each with the registry of one answer."""

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="readyz")


def not_ready() -> list[str]:
    """Which of database, migrations and broker fail, within :data:`READY_WITHIN` seconds; [] when all is well."""
    probes: dict[str, Callable[[], list[str]]] = {"database": _database, "broker": _broker}
    asked: dict[str, Future[list[str]]] = {name: _pool.submit(_answers, name, probe) for name, probe in probes.items()}
    wait_for_all(asked.values(), timeout=READY_WITHIN)
    return [failed for name, answer in asked.items() for failed in (answer.result() if answer.done() else [name])]


def metrics() -> bytes:
    """The Prometheus text: figures of the whole portal from the database, of HTTP from this process."""
    registry = CollectorRegistry()
    figures = queries.run_figures()
    runs = Gauge("ipai_runs", "Runs in the history, by status.", ["status"], registry=registry)
    for status in STATUSES:
        runs.labels(status).set(figures.by_status.get(status, 0))
    for name, words, value in (
        ("ipai_rows_read", "Rows read by all runs in the history.", figures.rows_read),
        ("ipai_rows_written", "Rows written or updated by all runs in the history.", figures.rows_written),
        ("ipai_rows_rejected", "Rows rejected by all runs in the history.", figures.rows_rejected),
        ("ipai_runs_open", "Runs that are queued or running.", sum(figures.by_status.get(status, 0) for status in OPEN)),
        ("ipai_oldest_lease_seconds", "How long the longest running stream has run.", figures.oldest_lease_seconds),
        ("ipai_oldest_queued_seconds", "How long the first run in the queue has waited.", figures.oldest_queued_seconds),
    ):
        Gauge(name, words, registry=registry).set(value)
    registry.register(HTTP_REQUESTS)
    registry.register(HTTP_SECONDS)
    for collect in collectors:
        collect(registry)
    return generate_latest(registry)


def _answers(name: str, probe: Callable[[], list[str]]) -> list[str]:
    try:
        return probe()
    except Exception as error:  # whatever it is, the part is not ready; the reason is for the log, not for the answer
        log.warning("Not ready: %s (%s)", name, type(error).__name__)
        return [name]


def _database() -> list[str]:
    """On a connection of its own with a limit on connecting, so that a server that hangs does not keep the thread."""
    params = connection.get_connection_params() | {"connect_timeout": CONNECT_WITHIN}
    with psycopg.connect(**params) as own:
        applied = {(app, name) for app, name in own.execute("SELECT app, name FROM django_migrations").fetchall()}
    return ["migrations"] if _migrations() - applied else []


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Every migration of this code; it does not change while the process lives."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _broker() -> list[str]:
    """As Celery reaches it, whichever kind of address it has."""
    limits = {"socket_connect_timeout": CONNECT_WITHIN, "socket_timeout": CONNECT_WITHIN}  # also for silent ones
    with Connection(settings.CELERY_BROKER_URL, transport_options=limits) as broker:
        broker.ensure_connection(max_retries=1, timeout=CONNECT_WITHIN)
    return []
