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
STATE = """
SELECT status, count(*), coalesce(extract(epoch FROM clock_timestamp() - min(received_at) FILTER (WHERE status = 'pending')), 0)::float8
FROM ipai_bronze_devops.webhook_deliveries GROUP BY status
"""
LAG = """
SELECT coalesce(max(extract(epoch FROM processed_at - received_at)), 0)::float8 FROM ipai_bronze_devops.webhook_deliveries
WHERE status = 'done' AND processed_at > clock_timestamp() - interval '5 minutes' AND received_at > clock_timestamp() - interval '1 day'
"""
STATUSES = ("pending", "done", "failed", "ignored")


def collect(registry: CollectorRegistry) -> None:
    """Add the figures of webhooks to those of the portal."""
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        found = {status: (count, oldest) for status, count, oldest in cursor.fetchall()}
        cursor.execute(LAG)
        (lag,) = cursor.fetchone()
    deliveries = Gauge("ipai_webhook_deliveries", "Deliveries that are kept, by status.", ["status"], registry=registry)
    for status in STATUSES:
        deliveries.labels(status).set(found.get(status, (0, 0))[0])
    for name, words, value in (
        (
            "ipai_webhook_oldest_pending_seconds",
            "How long the first unprocessed delivery has waited.",
            found.get("pending", (0, 0))[1],
        ),
        ("ipai_webhook_lag_seconds", "Longest time from receipt to bronze of the last five minutes.", lag),
    ):
        Gauge(name, words, registry=registry).set(value)
    registry.register(RECEIVED)
    registry.register(SECONDS)
