"""Celery tasks: each loads by id and calls a service. Running one twice does no harm."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.db.models.functions import Now

from connectors import services
from connectors.errors import NotRunnable, RunInProgress
from connectors.models import ConnectorConfig, RunStream, Trigger
from connectors.services.runs import send
from ipai.observability.audit import Actor

log = logging.getLogger(__name__)


@shared_task(name="connectors.start_run")
def start_run(run_id: str) -> None:
    """Split a queued run into streams and offer each to the workers."""
    for run_stream_id in services.plan_run(UUID(run_id)):
        RunStream.objects.filter(pk=run_stream_id).update(dispatched_at=Now())
        send("connectors.run_stream", str(run_stream_id))


@shared_task(name="connectors.run_stream")
def run_stream(run_stream_id: str) -> None:
    """Run one stream if no other worker has it."""
    services.execute_stream(int(run_stream_id))


@shared_task(name="connectors.follow_run")
def follow_run(run_id: str) -> None:
    """Tell who follows the schemas of an ended run."""
    services.follow_run(UUID(run_id))


@shared_task(name="connectors.scheduled_run")
def scheduled_run(connector_id: str) -> None:
    """Queue what the schedule asks for; a run that is still open is enough."""
    connector = ConnectorConfig.objects.filter(pk=connector_id, is_enabled=True).first()
    if connector is None:
        return
    try:
        services.queue_run(connector=connector, mode=connector.schedule_mode, trigger=Trigger.SCHEDULE, actor=Actor("schedule"))
    except (RunInProgress, NotRunnable) as error:
        log.warning("Scheduled run skipped: %s", error)


@shared_task(name="connectors.tend_runs", expires=10)
def tend_runs() -> None:
    """Fail streams whose worker died; send what waits."""
    services.reap_lost()
    services.dispatch_waiting()


@shared_task(name="connectors.tend_webhooks", expires=10)
def tend_webhooks() -> None:
    """Offer each connector with deliveries to the workers."""
    for connector_id in services.due_connectors():
        send("connectors.process_webhooks", str(connector_id))


@shared_task(name="connectors.process_webhooks", expires=60)
def process_webhooks(connector_id: str) -> None:
    """Process a connector's deliveries, unless another worker does."""
    connector = ConnectorConfig.objects.filter(pk=connector_id, is_enabled=True).first()
    if connector is not None:
        services.process_deliveries(connector)


@shared_task(name="connectors.sweep_webhooks", expires=300)
def sweep_webhooks() -> None:
    """Look for lost deliveries of every connector that takes webhooks, and forget what was kept long enough."""
    for connector in ConnectorConfig.objects.filter(is_enabled=True).order_by("pk"):
        if services.takes_webhooks(connector):
            send("connectors.sweep_webhook", str(connector.pk))
    services.forget_deliveries()


@shared_task(name="connectors.sweep_webhook", expires=600)
def sweep_webhook(connector_id: str) -> None:
    """Fetch what one connector's vendor could not deliver."""
    connector = ConnectorConfig.objects.filter(pk=connector_id, is_enabled=True).first()
    if connector is not None:
        services.sweep(connector)
