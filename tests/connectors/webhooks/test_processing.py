"""From stored deliveries to bronze: order, duplicates, poison, crashes. Deliveries go in as the receiver stores them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import services
from connectors.errors import NotRunnable
from connectors.models import ConnectorRun, RejectedRecord, WebhookDelivery
from connectors.services.deliveries import BATCHES, DIED, forget_deliveries
from connectors.webhook import Envelope
from connectors.webhooks.store import STORE, parameters
from tests.connectors.webhooks import payloads

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def deliver(connector: Any) -> Any:
    """Store a delivery as the receiver does."""

    def put(event: str, payload: dict[str, Any] | bytes, guid: str = "") -> str:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        named = payload if isinstance(payload, dict) else {}
        repository_id = named.get("repository", {}).get("id")
        envelope = Envelope(guid or str(uuid.uuid4()), event, raw, named.get("action"), repository_id, 1)
        with connection.cursor() as cursor:
            cursor.execute(STORE.replace("%b", "%s"), parameters(connector.pk, connector.tenant_id, envelope))
        return envelope.id

    return put


def statuses() -> dict[str, int]:
    """Deliveries by status."""
    found: dict[str, int] = {}
    for status in WebhookDelivery.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def due_again() -> None:
    """Let the wait of failed deliveries pass."""
    WebhookDelivery.objects.filter(status="pending").update(retry_at=None)


def test_a_batch_is_one_run_with_counts(connector: Any, deliver: Any, rows: Any) -> None:
    deliver("issues", payloads.issue("opened", 1))
    deliver("issues", payloads.issue("closed", 2))
    deliver("workflow_run", payloads.run("completed", 3, conclusion="success"))
    deliver(*payloads.deployment("success", 4))
    (run,) = services.process_deliveries(connector)
    assert (run.trigger, run.status, run.error_message) == ("webhook", "success", "")
    counts = {stream["stream"]: stream for stream in run.metadata["streams"]}
    assert set(counts) == {"webhook_deliveries", "issues", "workflow_runs", "workflows", "deployments", "deployment_statuses"}
    assert (counts["webhook_deliveries"]["read"], counts["webhook_deliveries"]["rejected"]) == (4, 0)
    assert (counts["issues"]["read"], counts["issues"]["written"]) == (1, 1)
    assert rows("SELECT state, closed_by_login, labels::text, repository_id FROM ipai_bronze_devops.issues") == [
        ("closed", "ann", '["bug"]', 7)
    ]
    assert rows("SELECT state FROM ipai_bronze_devops.deployment_statuses") == [("success",)]
    done = WebhookDelivery.objects.values_list("status", "run_id").distinct()
    assert list(done) == [("done", run.pk)]
    assert WebhookDelivery.objects.get(event="issues", action="closed").happened_at.isoformat() == "2026-11-01T00:02:00+00:00"
    assert services.process_deliveries(connector) == []


STORY = [
    ("issues", payloads.issue("opened", 1)),
    ("issues", payloads.issue("edited", 5)),
    ("issues", payloads.issue("closed", 9)),
    ("issues", payloads.issue("opened", 2, number=2)),
    ("issues", payloads.issue("deleted", 2, number=2)),
    ("workflow_run", payloads.run("requested", 1)),
    ("workflow_run", payloads.run("in_progress", 1)),
    ("workflow_run", payloads.run("completed", 4, conclusion="failure")),
    payloads.deployment(None, 1),
    payloads.deployment("in_progress", 3),
    payloads.deployment("success", 6),
    ("repository", payloads.body("archived", repository={"archived": True, "updated_at": payloads.at(8)})),
    ("repository", payloads.body("edited", repository={"description": "old", "updated_at": payloads.at(2)})),
    ("ping", {"zen": "Keep it logically awesome."}),
    ("star", payloads.body("created")),
]
STATE = """
SELECT 'issue', id, state, title, _deleted_at IS NULL FROM ipai_bronze_devops.issues
UNION ALL SELECT 'run', id, status, conclusion, _deleted_at IS NULL FROM ipai_bronze_devops.workflow_runs
UNION ALL SELECT 'deployment', id, environment, updated_at::text, _deleted_at IS NULL FROM ipai_bronze_devops.deployments
UNION ALL SELECT 'status', id, state, NULL, _deleted_at IS NULL FROM ipai_bronze_devops.deployment_statuses
UNION ALL SELECT 'repository', id, archived::text, description, _deleted_at IS NULL FROM ipai_bronze_devops.repositories
ORDER BY 1, 2
"""


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_any_repetition_any_batches_end_in_the_same_state(
    connector: Any, deliver: Any, rows: Any, data: st.DataObject
) -> None:
    """The last state of everything, however deliveries are shuffled, repeated and cut into batches."""
    with connection.cursor() as cursor:
        for table in ("issues", "workflow_runs", "deployments", "deployment_statuses", "repositories", "webhook_deliveries"):
            cursor.execute(f"DELETE FROM ipai_bronze_devops.{table}")
    extra = data.draw(st.lists(st.integers(0, len(STORY) - 1), max_size=8))
    order = data.draw(st.permutations([*range(len(STORY)), *extra]))
    cuts = data.draw(st.sets(st.integers(1, len(order)), max_size=5))
    for position, number in enumerate(order):
        if position in cuts:
            services.process_deliveries(connector)
        deliver(*STORY[number], guid=f"story-{number}")
    services.process_deliveries(connector)
    assert statuses() == {"done": len(STORY) - 2, "ignored": 2}
    assert rows(STATE) == [
        ("deployment", 90, "production", "2026-11-01 00:06:00+00", True),
        ("issue", 1001, "closed", "Issue 1 at 9", True),
        ("issue", 1002, "open", "Issue 2 at 2", False),
        ("repository", 7, "true", None, True),
        ("run", 500, "completed", "failure", True),
        ("status", 9003, "in_progress", None, True),
        ("status", 9006, "success", None, True),
    ]


def test_a_redelivery_of_what_was_processed_changes_nothing(connector: Any, deliver: Any) -> None:
    guid = deliver("issues", payloads.issue("opened", 1))
    services.process_deliveries(connector)
    deliver("issues", payloads.issue("opened", 1), guid)
    assert services.process_deliveries(connector) == []
    assert WebhookDelivery.objects.get().receipts == 2


def test_a_late_delivery_does_not_bring_back_what_was_deleted(connector: Any, deliver: Any, rows: Any) -> None:
    for payload in (
        payloads.issue("opened", 1),
        payloads.issue("deleted", 5),
        payloads.issue("edited", 5),
        payloads.issue("opened", 1),
    ):
        deliver("issues", payload)
        services.process_deliveries(connector)
    assert rows("SELECT title, _deleted_at IS NULL FROM ipai_bronze_devops.issues") == [("Issue 1 at 5", False)]
    deliver("issues", payloads.issue("reopened", 9))
    services.process_deliveries(connector)
    assert rows("SELECT title, _deleted_at IS NULL FROM ipai_bronze_devops.issues") == [("Issue 1 at 9", True)]


def test_events_of_others_are_kept_and_ignored(connector: Any, deliver: Any, rows: Any) -> None:
    deliver("issues", payloads.body("opened", issue={}, repository={"id": 8, "full_name": "other/x", "owner": {"login": "other"}}))
    deliver("marketplace_purchase", {"action": "purchased"})
    deliver("ping", {"zen": "z", "hook_id": 1})
    (run,) = services.process_deliveries(connector)
    assert run.status == "success"
    assert statuses() == {"ignored": 3}
    assert {row.error for row in WebhookDelivery.objects.all()} == {
        "other/x is not one of the connector's repositories",
        "The event marketplace_purchase is not read",
        "GitHub's greeting: the webhook works",
    }
    assert rows("SELECT count(*) FROM ipai_bronze_devops.issues") == [(0,)]


def test_a_repository_that_leaves_is_marked_and_one_of_a_list_keeps_its_id(
    connector: Any, deliver: Any, actor: Any, rows: Any
) -> None:
    deliver("repository", payloads.body("edited"))
    services.process_deliveries(connector)
    away = {"full_name": "other/shop", "owner": {"login": "other"}, "updated_at": payloads.at(9)}
    deliver("repository", payloads.body("transferred", repository=away))
    services.process_deliveries(connector)
    assert rows("SELECT full_name, _deleted_at IS NULL FROM ipai_bronze_devops.repositories") == [("other/shop", False)]
    services.update_connector(actor, connector, config={"repositories": ["acme/shop"]})
    connector.refresh_from_db()
    back = {"updated_at": payloads.at(10)}
    deliver("repository", payloads.body("transferred", repository=back))
    services.process_deliveries(connector)
    deliver(
        "repository",
        payloads.body("renamed", repository={"full_name": "acme/store", "name": "store", "updated_at": payloads.at(11)}),
    )
    services.process_deliveries(connector)
    assert rows("SELECT full_name, _deleted_at IS NULL FROM ipai_bronze_devops.repositories") == [("acme/store", True)]


def test_poison_fails_alone_and_can_be_processed_again(connector: Any, deliver: Any, actor: Any, rows: Any) -> None:
    bad = deliver("issues", payloads.body("opened", issue={"id": "no number", "updated_at": payloads.at(1)}))
    worse = deliver("issues", payloads.issue("opened", 1, number=3, id=2**70))
    for number in range(10, 40):
        deliver("issues", payloads.issue("opened", 1, number=number))
    for _ in range(len(BATCHES)):
        services.process_deliveries(connector)
        due_again()
    assert statuses() == {"done": 30, "failed": 2}
    assert rows("SELECT count(*) FROM ipai_bronze_devops.issues") == [(30,)]
    failed = {row.id: row for row in WebhookDelivery.objects.filter(status="failed")}
    assert set(failed) == {bad, worse}
    assert all(row.error and row.attempts == len(BATCHES) for row in failed.values())
    assert RejectedRecord.objects.filter(place=f"issues {bad}").exists()
    assert services.process_again(actor, connector) == 2
    assert statuses() == {"done": 30, "pending": 2}
    with pytest.raises(NotRunnable):
        services.process_again(actor, connector, "no-such-delivery")


def test_a_failed_delivery_waits_longer_each_time(connector: Any, deliver: Any) -> None:
    deliver("issues", payloads.body("opened", issue={}))
    waits = []
    for _ in range(len(BATCHES) - 1):
        services.process_deliveries(connector)
        kept = WebhookDelivery.objects.get()
        waits.append(round((kept.retry_at - timezone.now()).total_seconds() / 10) * 10)
        assert services.process_deliveries(connector) == [], "not before its time"
        due_again()
    assert waits == [10, 60, 300, 1800]


def test_a_paused_connector_keeps_its_deliveries(connector: Any, deliver: Any, actor: Any) -> None:
    deliver("issues", payloads.issue("opened", 1))
    assert services.due_connectors() == [connector.pk]
    services.set_enabled(actor, connector, False)
    assert services.due_connectors() == []
    services.set_enabled(actor, connector, True)
    assert services.due_connectors() == [connector.pk]


def test_deliveries_are_loaded_beside_a_run_that_reads(connector: Any, deliver: Any, actor: Any, rows: Any) -> None:
    reading = services.queue_run(connector=connector, actor=actor, send_to_worker=False)
    deliver("issues", payloads.issue("opened", 1))
    (run,) = services.process_deliveries(connector)
    assert run.status == "success"
    reading.refresh_from_db()
    assert reading.status == "queued"
    assert rows("SELECT count(*) FROM ipai_bronze_devops.issues") == [(1,)]


KILLED = """
import django, os, sys, time
django.setup()
from connectors import services
from connectors.models import ConnectorConfig
from connectors.services import deliveries
connector = ConnectorConfig.objects.get()
def hang(*_):
    print("claimed", flush=True)
    time.sleep(60)
deliveries.Batch.load = hang
services.process_deliveries(connector)
"""


def test_what_a_killed_worker_held_is_taken_again(connector: Any, deliver: Any, environment: dict[str, str], rows: Any) -> None:
    for number in range(5):
        deliver("issues", payloads.issue("opened", 1, number=number))
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "ipai.settings"},
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"claimed\n"
    assert services.process_deliveries(connector) == [], "they are in its hands"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    until = time.monotonic() + 20
    while not (runs := services.process_deliveries(connector)) and time.monotonic() < until:
        time.sleep(0.2)
    assert [run.status for run in runs] == ["success"]
    assert statuses() == {"done": 5}
    assert rows("SELECT count(*) FROM ipai_bronze_devops.issues") == [(5,)]
    assert ConnectorRun.objects.filter(status="failed", trigger="webhook").count() == 1


def test_a_delivery_that_kills_each_worker_is_given_up(connector: Any, deliver: Any) -> None:
    deliver("issues", payloads.issue("opened", 1))
    WebhookDelivery.objects.update(attempts=F("attempts") + len(BATCHES))
    assert services.process_deliveries(connector) == []
    assert (WebhookDelivery.objects.get().status, WebhookDelivery.objects.get().error) == ("failed", DIED)


def test_payloads_and_runs_are_kept_for_a_time(connector: Any, deliver: Any) -> None:
    deliver("issues", payloads.issue("opened", 1))
    (run,) = services.process_deliveries(connector)
    assert forget_deliveries() == 0
    WebhookDelivery.objects.update(received_at=timezone.now() - timedelta(days=31))
    ConnectorRun.objects.update(ended_at=timezone.now() - timedelta(days=8))
    assert forget_deliveries() == 1
    assert WebhookDelivery.objects.get().payload is None
    assert not ConnectorRun.objects.filter(pk=run.pk).exists()
    WebhookDelivery.objects.update(received_at=timezone.now() - timedelta(days=181))
    forget_deliveries()
    assert not WebhookDelivery.objects.exists()
