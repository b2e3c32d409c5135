"""Reads of webhook deliveries for the console and the API."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from connectors.models import ConnectorConfig, WebhookDelivery
from connectors.services.hooks import last_sweep, takes_webhooks, webhook_of, webhook_path
from connectors.webhooks.doors import PREVIOUS, PREVIOUS_FOR
from ipai.access.sessions import Claims, governed
from ipai.vault.queries import stamps

COUNTED = 10_000
"""Deliveries that are counted by status: the newest ones up to this many."""
LONGEST_SHOWN = 256 * 1024
"""Characters of a payload that are shown at once."""
PAYLOAD = "SELECT payload FROM ipai_bronze_devops.webhook_deliveries WHERE _connector_id = %s AND delivery_id = %s"


@dataclass(frozen=True, slots=True)
class State:
    """How a connector's webhook does. ``counts`` by status are of the newest ``COUNTED``; ``complete``: that is all of them."""

    path: str
    has_secret: bool
    secret_set_at: datetime | None
    previous_until: datetime | None
    counts: dict[str, int]
    complete: bool
    last_hour: int
    last_received_at: datetime | None
    sweep: dict[str, Any] | None


def deliveries_of(connector: ConnectorConfig) -> QuerySet[WebhookDelivery]:
    """The connector's deliveries, newest first, without their payloads."""
    found = WebhookDelivery.objects.filter(connector_id=connector.pk).defer("payload")
    return found.order_by("-received_at", "-id")


def webhook_state(connector: ConnectorConfig) -> State | None:
    """None for a source without webhooks."""
    webhook = webhook_of(connector)
    if webhook is None:
        return None
    refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
    secrets = stamps(connector.tenant, refs.values())
    current, previous = (secrets.get(refs.get(name, "")) for name in (webhook.secret, webhook.secret + PREVIOUS))
    previous_until = previous.set_at + PREVIOUS_FOR if previous else None
    found = deliveries_of(connector)
    newest = list(found.values_list("status", flat=True)[:COUNTED])
    last = found.values_list("received_at", flat=True).first()
    return State(
        path=webhook_path(connector),
        has_secret=takes_webhooks(connector),
        secret_set_at=current.set_at if current else None,
        previous_until=previous_until if previous_until and previous_until > timezone.now() else None,
        counts=dict(Counter(newest)),
        complete=len(newest) < COUNTED,
        last_hour=found.filter(received_at__gte=timezone.now() - timedelta(hours=1)).count(),
        last_received_at=last,
        sweep=last_sweep(connector),
    )


def payload_of(claims: Claims, delivery: WebhookDelivery) -> tuple[str, bool] | None:
    """The payload as these claims may read it, set out for people, and whether that is all. None: not theirs, or gone."""
    with governed(claims) as cursor:
        cursor.execute(PAYLOAD, [delivery.connector_id, delivery.id])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        return None
    text = bytes(row[0]).decode()
    if len(text) <= LONGEST_SHOWN:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:LONGEST_SHOWN], len(text) <= LONGEST_SHOWN
