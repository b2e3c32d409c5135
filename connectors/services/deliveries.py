"""What becomes of stored webhook deliveries: claimed in batches, turned into records, loaded by a run of their own.

A batch is one run with the trigger webhook. Its stream ``webhook_deliveries`` holds the lease of the batch and counts the
deliveries; the others are the source's own streams, each with the records that the deliveries told. What was claimed stays
pending until its records are committed, so whatever a killed worker held is taken again; merging twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from connectors.engine.context import Progress
from connectors.engine.lease import Heartbeat, RunLogHandler, claim
from connectors.engine.process import this_process
from connectors.errors import ConnectorError, NotRunnable
from connectors.models import (
    ConnectorConfig,
    ConnectorRun,
    DeliveryStatus,
    RejectedRecord,
    RunStream,
    Status,
    Trigger,
    WebhookDelivery,
)
from connectors.services.batch import Batch, Item, block
from connectors.services.configs import source_of
from connectors.services.execution import end_stream, scratch_folder, source_client
from connectors.services.runs import close_if_done, reap_lost, send
from ipai.observability import audit
from ipai.observability.audit import Actor
from ipai.vault.errors import VaultError

log = logging.getLogger(__name__)
STREAM, TARGET = "webhook_deliveries", "ipai_bronze_devops.webhook_deliveries"
BATCHES = (300, 20, 1, 1, 1)
"""Deliveries per batch by how often they were tried: one that breaks its batch ends up alone."""
WAITS = (10, 60, 300, 1800)
"""Seconds before the next try."""
MOST_BYTES = 64 * 1024 * 1024
"""Payloads of one batch together; a single larger one is a batch of its own."""
PAYLOAD_KEPT, DELIVERY_KEPT, RUN_KEPT = timedelta(days=30), timedelta(days=180), timedelta(days=7)
"""How long payloads of processed deliveries, all deliveries, and successful runs that loaded deliveries are kept."""
DIED = "The worker died while it processed this delivery"


def due_connectors() -> list[UUID]:
    """Connectors with deliveries to process now; a paused one's wait."""
    enabled = ConnectorConfig.objects.filter(is_enabled=True).values("pk")
    return list(_due(WebhookDelivery.objects.filter(connector_id__in=enabled)).values_list("connector_id", flat=True).distinct())


def process_deliveries(connector: ConnectorConfig) -> list[ConnectorRun]:
    """Process what is due, the fresh ones first, then each kind of retry; the ended runs. [] when another worker does."""
    reap_lost(connector)
    _give_up(connector)
    runs: list[ConnectorRun] = []
    for attempts in range(len(BATCHES)):
        while (run := _process_batch(connector, attempts)) is not None:
            runs.append(run)
    return runs


def process_again(actor: Actor, connector: ConnectorConfig, delivery_id: str | None = None) -> int:
    """Make failed deliveries (or one, whatever became of it) pending again; how many. Raises NotRunnable when there is none."""
    found = WebhookDelivery.objects.filter(connector_id=connector.pk, payload__isnull=False)
    found = found.filter(status=DeliveryStatus.FAILED) if delivery_id is None else found.filter(id=delivery_id)
    with transaction.atomic():
        count = found.update(status=DeliveryStatus.PENDING, attempts=0, retry_at=None, processed_at=None, error=None)
        if not count:
            raise NotRunnable("There is no such delivery, or its payload is no longer kept")
        details = {"deliveries": count, "delivery_id": delivery_id}
        audit.record(actor, "webhook", "connector", str(connector.pk), "process again", details, tenant=connector.tenant)
    return count


def forget_deliveries() -> int:
    """Empty payloads and delete old deliveries and the runs that loaded them; how many payloads. Failed ones stay whole longest."""
    now = timezone.now()
    settled = WebhookDelivery.objects.filter(status__in=[DeliveryStatus.DONE, DeliveryStatus.IGNORED])
    emptied = settled.filter(received_at__lt=now - PAYLOAD_KEPT, payload__isnull=False).update(payload=None)
    WebhookDelivery.objects.filter(received_at__lt=now - DELIVERY_KEPT).delete()
    ended = ConnectorRun.objects.filter(trigger=Trigger.WEBHOOK, status=Status.SUCCESS, ended_at__lt=now - RUN_KEPT)
    ended.exclude(rejected__isnull=False).delete()
    return emptied


def _due(deliveries: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    return deliveries.filter(Q(retry_at=None) | Q(retry_at__lte=Now()), status=DeliveryStatus.PENDING)


def _give_up(connector: ConnectorConfig) -> None:
    """Deliveries with which a worker died each time: nobody is left to say so."""
    if not ConnectorRun.objects.filter(connector=connector, trigger=Trigger.WEBHOOK, status=Status.RUNNING).exists():
        spent = WebhookDelivery.objects.filter(connector_id=connector.pk, status=DeliveryStatus.PENDING, attempts__gte=len(BATCHES))
        spent.update(status=DeliveryStatus.FAILED, processed_at=Now(), error=DIED)


def _claim(connector: ConnectorConfig, attempts: int) -> tuple[ConnectorRun, list[WebhookDelivery]] | None:
    """Take the next deliveries that were tried so often, with their run. None: nothing is due, or another worker is at it."""
    try:
        with transaction.atomic():
            due = _due(WebhookDelivery.objects.filter(connector_id=connector.pk, attempts=attempts)).order_by("received_at")
            taken = _that_fit(list(due.select_for_update(skip_locked=True).defer("payload")[: BATCHES[attempts]]))
            if not taken:
                return None
            run = ConnectorRun.objects.create(
                connector=connector,
                trigger=Trigger.WEBHOOK,
                status=Status.RUNNING,
                requested_by="webhook",
                dispatched_at=timezone.now(),
                started_at=timezone.now(),
                metadata={"process": this_process()},
            )
            keys = [row.id for row in taken]
            claimed = WebhookDelivery.objects.filter(connector_id=connector.pk, id__in=keys)
            claimed.update(attempts=F("attempts") + 1, run_id=run.pk, retry_at=None)
            return run, list(claimed.order_by("received_at"))
    except IntegrityError:  # another worker has an open batch of this connector
        return None


def _that_fit(waiting: list[WebhookDelivery]) -> list[WebhookDelivery]:
    """The first ones that fit into the memory of a batch, one at least."""
    sizes = accumulate(row.payload_bytes for row in waiting)
    return [row for row, total in zip(waiting, sizes, strict=True) if total < MOST_BYTES] or waiting[:1]


def _process_batch(connector: ConnectorConfig, attempts: int) -> ConnectorRun | None:
    claimed = _claim(connector, attempts)
    if claimed is None:
        return None
    run, rows = claimed
    items = [Item(row) for row in rows]
    main = RunStream.objects.create(run=run, stream=STREAM, target=TARGET, dispatched_at=Now(), metadata={"write_mode": "merge"})
    token = claim(main.pk)
    if token is None:  # cancelled in this very moment
        close_if_done(run.pk)
        return run
    try:
        source, secrets = source_of(connector)
    except (ConnectorError, VaultError) as error:
        block(items, str(error))
        _finish(connector, run, items)
        end_stream(main, token, Status.FAILED, str(error))
        run.refresh_from_db()
        return run
    lines = RunLogHandler(run.pk, STREAM, secrets.values())
    logger = logging.Logger(f"run.{run.pk}.{STREAM}", logging.INFO)
    logger.addHandler(lines)
    heartbeat = Heartbeat(main.pk, token, Progress(rows=len(items)), lines)
    heartbeat.start()
    status, message = Status.SUCCESS, ""
    try:
        with scratch_folder(run.pk) as scratch, source_client(run, scratch, logger, heartbeat.stopping) as client:
            assert source.webhook is not None
            batch = Batch(connector, run, source, source.webhook, client, items, tuple(secrets.values()))
            batch.load()
    except Exception as error:  # a bug or a lost database: the run must end, the deliveries are tried again
        log.error("Webhook batch of run %s failed: %s", run.pk, type(error).__name__, exc_info=error)
        status, message = Status.FAILED, f"Unexpected {type(error).__name__}; the worker's log has the details"
        for item in items:
            item.error = item.error or message
    finally:
        heartbeat.finish()
    counts = _finish(connector, run, items)
    RunStream.objects.filter(pk=main.pk).update(rows_read=len(items), **counts)
    end_stream(main, token, status, message, lines=lines)
    run.refresh_from_db()
    if run.rows_written or any(stream.rows_deleted for stream in run.streams.all()):
        send("connectors.follow_run", str(run.pk))
    return run


def _finish(connector: ConnectorConfig, run: ConnectorRun, items: Sequence[Item]) -> dict[str, int]:
    """Write what became of each delivery; the counts of the run's stream."""
    mine = WebhookDelivery.objects.filter(connector_id=connector.pk, run_id=run.pk, status=DeliveryStatus.PENDING)
    failed = 0
    with transaction.atomic():
        for item in items:
            row = mine.filter(id=item.row.id)
            what: dict[str, Any] = {"happened_at": item.told.happened_at, "error": item.error or item.told.ignored or None}
            if item.blocked is not None:
                what |= {"attempts": F("attempts") - 1, "retry_at": timezone.now() + timedelta(seconds=item.blocked)}
            elif item.error and item.row.attempts < len(BATCHES):
                what |= {"retry_at": timezone.now() + timedelta(seconds=WAITS[item.row.attempts - 1])}
            else:
                state = (
                    DeliveryStatus.FAILED if item.error else DeliveryStatus.IGNORED if item.told.ignored else DeliveryStatus.DONE
                )
                what |= {"status": state, "processed_at": Now()}
            row.update(**what)
            failed += bool(item.error)
        RejectedRecord.objects.bulk_create(
            RejectedRecord(run=run, stream=STREAM, place=f"{item.row.event} {item.row.id}", reason=item.error)
            for item in items
            if item.error
        )
    return {"rows_rejected": failed, "rows_unchanged": len(items) - failed}
