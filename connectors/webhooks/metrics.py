"""What /metrics tells of webhooks: what this process received, and how far processing is (from the database)."""

from __future__ import annotations

from django.db import connection
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

RECEIVED = Counter("ipai_webhooks_received", "Deliveries that this process answered, by source and result.", ["source", "result"])
SECONDS = Histogram(
    "ipai_webhook_seconds",
    "Seconds until a delivery was stored and answered.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
PENDING = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)::float8
FROM ipai_bronze_devops.webhook_deliveries WHERE status = 'pending'
"""
PROCESSED = """
SELECT status, count(*), coalesce(max(extract(epoch FROM processed_at - received_at)), 0)::float8
FROM ipai_bronze_devops.webhook_deliveries WHERE processed_at > clock_timestamp() - interval '1 hour' GROUP BY status
"""
STATUSES = ("done", "failed", "ignored")


def collect(registry: CollectorRegistry) -> None:
    """Add the figures of webhooks to those of the portal."""
    with connection.cursor() as cursor:
        cursor.execute(PENDING)
        pending, oldest = cursor.fetchone()
        cursor.execute(PROCESSED)
        processed = {status: (count, lag) for status, count, lag in cursor.fetchall()}
    recent = Gauge("ipai_webhooks_processed_last_hour", "Deliveries by what became of them.", ["status"], registry=registry)
    for status in STATUSES:
        recent.labels(status).set(processed.get(status, (0, 0))[0])
    for name, words, value in (
        ("ipai_webhooks_pending", "Deliveries that wait to be processed.", pending),
        ("ipai_webhook_oldest_pending_seconds", "How long the first of them has waited.", oldest),
        ("ipai_webhook_lag_seconds", "Longest time from receipt to bronze in the last hour.", processed.get("done", (0, 0))[1]),
    ):
        Gauge(name, words, registry=registry).set(value)
    registry.register(RECEIVED)
    registry.register(SECONDS)
