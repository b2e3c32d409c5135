"""Queueing, cancelling, retrying and ending runs. A message to a worker is only a hint: the rows are the truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from connectors.engine.process import is_dead, parse, this_process
from connectors.errors import NotRunnable, RunInProgress
from connectors.models import ENDED, OPEN, ConnectorConfig, ConnectorRun, Mode, RunStream, Status, Trigger
from ipai.observability import audit
from ipai.observability.audit import Actor

log = logging.getLogger(__name__)
RESEND_AFTER = timedelta(seconds=60)
SETTLED = F("rows_written") + F("rows_updated") + F("rows_unchanged") + F("rows_rejected") + F("rows_deduplicated")


def queue_run(
    *,
    connector: ConnectorConfig,
    mode: str = Mode.INCREMENTAL,
    trigger: str = Trigger.MANUAL,
    actor: Actor,
    streams: Sequence[str] = (),
    send_to_worker: bool = True,
) -> ConnectorRun:
    """Queue a run; workers hear of it after the commit. Raises RunInProgress or NotRunnable."""
    if not connector.is_enabled:
        raise NotRunnable(f"{connector.name} is paused; enable it first")
    reap_lost(connector)
    try:
        with transaction.atomic():
            run = ConnectorRun.objects.create(
                connector=connector,
                mode=mode,
                trigger=trigger,
                requested_by=actor.name,
                only_streams=list(streams),
                dispatched_at=timezone.now(),
                metadata={} if send_to_worker else {"process": this_process()},
            )
            audit.record(
                actor,
                "connector_run",
                "connector",
                str(connector.id),
                "run",
                {"run_id": str(run.id), "mode": mode, "trigger": trigger},
                tenant=connector.tenant,
            )
            if send_to_worker:
                transaction.on_commit(lambda: send("connectors.start_run", str(run.id)))
    except IntegrityError:
        running = reading_runs(connector).select_related("connector").first()
        if running is None:
            raise NotRunnable(f"{connector.name} could not be queued; was it deleted?") from None
        raise in_progress(running) from None
    return run


def reading_runs(connector: ConnectorConfig) -> QuerySet[ConnectorRun]:
    """The connector's open run, if there is one. Runs that load webhooks stand beside it and hold nobody up."""
    return ConnectorRun.objects.filter(connector=connector, status__in=OPEN).exclude(trigger=Trigger.WEBHOOK)


def in_progress(run: ConnectorRun) -> RunInProgress:
    """The refusal to start beside an open run: who has it, since when, and when it is free if that process is gone."""
    since = run.started_at or run.queued_at
    stream = run.streams.filter(status=Status.RUNNING).annotate(left=F("lease_expires_at") - Now()).order_by("-left").first()
    holder = parse(stream.lease_owner if stream else run.metadata.get("process", ""))
    who = f"{holder} has it since {since:%H:%M:%S} UTC" if holder else f"it waits for a worker since {since:%H:%M:%S} UTC"
    if stream is None or stream.left is None:
        return RunInProgress(run, f"{who}; wait for it or cancel it")
    seconds = max(1, round(stream.left.total_seconds()))
    return RunInProgress(run, f"{who}; wait for it or cancel it. If that process is gone, it is freed in {seconds} s")


def cancel_run(actor: Actor, run: ConnectorRun) -> ConnectorRun:
    """Ask a run to stop. What is committed stays; a stream that runs stops at its next batch."""
    with transaction.atomic():
        run = ConnectorRun.objects.select_for_update(of=["self"]).select_related("connector").get(pk=run.pk)
        if run.status in ENDED:
            raise NotRunnable(f"The run has ended already ({run.status})")
        run.cancel_requested = True
        run.save(update_fields=["cancel_requested"])
        run.streams.filter(status=Status.QUEUED).update(status=Status.CANCELLED, ended_at=Now())
        audit.record(
            actor,
            "connector_run",
            "connector",
            str(run.connector_id),
            "cancel",
            {"run_id": str(run.id)},
            tenant=run.connector.tenant,
        )
        close_if_done(run.pk)
    run.refresh_from_db()
    return run


def retry_run(actor: Actor, run: ConnectorRun, trigger: str = Trigger.MANUAL) -> ConnectorRun:
    """Queue the same again."""
    if run.status in OPEN:
        raise in_progress(run)
    if run.trigger == Trigger.WEBHOOK:
        raise NotRunnable("What failed is tried again by itself; deliveries that were given up are processed again from their list")
    return queue_run(connector=run.connector, mode=run.mode, trigger=trigger, actor=actor, streams=run.only_streams)


def fail_run(run_id: UUID, message: str) -> None:
    """End a run that cannot start its streams, or go on with those that it has not started."""
    with transaction.atomic():
        run = ConnectorRun.objects.select_for_update().get(pk=run_id)
        failed = run.streams.filter(status__in=OPEN).update(status=Status.FAILED, ended_at=Now(), error_message=message)
        if failed:
            close_if_done(run_id)
        elif run.status in OPEN:
            run.status, run.error_message, run.ended_at = Status.FAILED, message, timezone.now()
            run.started_at = run.started_at or run.ended_at
            run.save(update_fields=["status", "error_message", "ended_at", "started_at"])


def close_if_done(run_id: UUID) -> None:
    """End the run when none of its streams is open. Locks the run, so the last of several streams does it."""
    run = ConnectorRun.objects.select_for_update().get(pk=run_id)
    streams = list(run.streams.all())
    if run.status in ENDED or any(stream.status in OPEN for stream in streams):
        return
    if run.status == Status.QUEUED and not run.cancel_requested:
        return
    if _settle(run, streams):
        return
    failed = [stream for stream in streams if stream.status == Status.FAILED]
    cancelled = run.cancel_requested and (not streams or any(stream.status == Status.CANCELLED for stream in streams))
    run.status = Status.FAILED if failed else Status.CANCELLED if cancelled else Status.SUCCESS
    run.error_message = _errors(failed, len(streams))
    run.rows_read = sum(stream.rows_read for stream in streams)
    run.rows_written = sum(stream.rows_written + stream.rows_updated for stream in streams)
    run.ended_at = timezone.now()
    run.started_at = run.started_at or run.ended_at
    run.metadata = run.metadata | {
        "streams": [counts_of(stream) for stream in streams],
        "warnings": _warnings(streams),
        "proof": proof_of(streams),
    }
    run.save()
    if "process" not in run.metadata:  # a run of this process is followed at its end, by execute_run
        transaction.on_commit(lambda: send("connectors.follow_run", str(run_id)))


def _warnings(streams: Sequence[RunStream]) -> list[str]:
    """What the streams warned of, under their name when there are several."""
    return [
        f"{stream.stream}: {line}" if len(streams) > 1 else line
        for stream in streams
        for line in stream.metadata.get("warnings", [])
    ]


def _settle(run: ConnectorRun, streams: Sequence[RunStream]) -> bool:
    """Have the streams that were compared with their source compared once more, now that all are read; whether there are any.

    Streams take their turns, so what changed meanwhile may be in one and not in another. After this they were all equal to
    the source within moments of each other.
    """
    proven = [stream for stream in streams if stream.metadata.get("proof")]
    quiet = not any(stream.rows_read or stream.rows_deleted for stream in streams)
    if "settling" in run.metadata or len(proven) < 2 or quiet or any(stream.status != Status.SUCCESS for stream in streams):
        return False
    run.metadata = run.metadata | {"settling": [stream.stream for stream in proven]}
    run.save(update_fields=["metadata"])
    for stream in proven:
        stream.status, stream.dispatched_at, stream.ended_at = Status.QUEUED, None, None
        stream.save(update_fields=["status", "dispatched_at", "ended_at"])
    unsent = RunStream.objects.filter(run=run, status=Status.QUEUED, dispatched_at=None)
    transaction.on_commit(lambda: _send_each("connectors.run_stream", unsent) and None)
    return True


def counts_of(stream: RunStream) -> dict[str, object]:
    """One stream's counts in the contract's shape."""
    names = ("read", "written", "updated", "unchanged", "deleted", "rejected", "deduplicated")
    return {"stream": stream.stream, **{name: getattr(stream, f"rows_{name}") for name in names}}


def proof_of(streams: Sequence[RunStream]) -> dict[str, object] | None:
    """The proof of a run: every stream that was compared with its source. None when none was."""
    proofs = {stream.stream: proof for stream in streams if (proof := stream.metadata.get("proof"))}
    uncompared = [
        stream.stream
        for stream in streams
        if stream.stream not in proofs and stream.metadata.get("proves") and stream.status != Status.SUCCESS
    ]
    return proof_over(proofs, uncompared) if proofs else None


def proof_over(proofs: Mapping[str, Mapping[str, Any]], uncompared: Sequence[str]) -> dict[str, object]:
    """The proofs of streams as one. ``ok`` is None where all agree, but the ``uncompared`` ones ended before that."""
    agree = all(proof["ok"] for proof in proofs.values())
    return {
        "ok": None if agree and uncompared else agree,
        "uncompared": list(uncompared),
        "checked": sum(proof["checked"] for proof in proofs.values()),
        "records": sum(proof.get("records") or 0 for proof in proofs.values()),
        "unproven": {name: proof["unproven"] for name, proof in proofs.items() if proof.get("unproven")},
        "warnings": [f"{name}: {line}" for name, proof in proofs.items() for line in proof.get("warnings", [])],
        "differences": [{"stream": name, **found} for name, proof in proofs.items() for found in proof["differences"]],
        "at": max(proof["at"] for proof in proofs.values()),
        "streams": dict(proofs),
    }


def reap_lost(connector: ConnectorConfig | None = None) -> int:
    """Fail what dead processes held: streams whose lease expired, and at once those of a process of this machine that has
    ended; returns how many streams and runs. Beat calls it every few seconds.
    """
    runs = ConnectorRun.objects.filter(status__in=OPEN)
    if connector is not None:
        runs = runs.filter(connector=connector)
    held = RunStream.objects.filter(run__in=runs, status=Status.RUNNING).annotate(
        expired=ExpressionWrapper(Q(lease_expires_at__lt=Now()), BooleanField())
    )
    reaped = sum(_reap_stream(stream) for stream in held if stream.expired or is_dead(stream.lease_owner))
    return reaped + sum(_reap_run(run) for run in runs.filter(metadata__has_key="process") if is_dead(run.metadata["process"]))


def _reap_stream(stream: RunStream) -> bool:
    """Fail one stream, unless its worker was heard of or ended it meanwhile."""
    with transaction.atomic():
        ConnectorRun.objects.select_for_update().get(pk=stream.run_id)
        still = RunStream.objects.filter(
            pk=stream.pk, status=Status.RUNNING, lease_token=stream.lease_token, lease_expires_at=stream.lease_expires_at
        )
        done = still.update(
            status=Status.FAILED,
            ended_at=Now(),
            lease_token=None,
            error_message=_died("worker", stream.lease_owner),
            rows_read=SETTLED,  # the heartbeat also counted what was never committed
        )
        close_if_done(stream.run_id)
    return bool(done)


def _reap_run(run: ConnectorRun) -> bool:
    """Fail a run whose own process died while it planned or between two streams, unless a worker has gone on with it."""
    if run.streams.filter(status=Status.RUNNING).exists():
        return False
    fail_run(run.pk, _died("command", run.metadata["process"]))
    return True


def _died(what: str, process: str) -> str:
    holder = parse(process)
    who = f"The {what} that ran this" + (f" ({holder})" if holder else "")
    return f"{who} died or was cut off; what it committed stays, and the next run goes on from there"


def dispatch_waiting() -> int:
    """Send what waits: runs queued from SQL, and messages that the broker or a worker lost. Returns how many."""
    before = timezone.now() - RESEND_AFTER
    unsent = Q(dispatched_at=None) | Q(dispatched_at__lt=before)
    runs = ConnectorRun.objects.filter(unsent, status=Status.QUEUED)
    # What webhooks told is in the hands of the process that heard them: no other can read it.
    streams = RunStream.objects.filter(unsent, status=Status.QUEUED, run__status=Status.RUNNING).exclude(
        run__trigger=Trigger.WEBHOOK
    )
    return _send_each("connectors.start_run", runs) + _send_each("connectors.run_stream", streams)


def _send_each(task: str, waiting: QuerySet[Any]) -> int:
    sent = 0
    for key in list(waiting.values_list("pk", flat=True)[:500]):
        if waiting.filter(pk=key).update(dispatched_at=Now()):
            send(task, str(key))
            sent += 1
    return sent


def send(task: str, key: str) -> None:
    """Tell a worker. When the broker is away the row stays queued and beat sends it again."""
    try:
        import_string(settings.IPAI_CELERY_APP).send_task(task, args=[key], retry=False)
    except Exception as error:  # kombu raises many kinds; none of them may undo a committed row
        log.warning("The broker did not take %s (%s); it will be sent again", task, type(error).__name__)


def _errors(failed: Sequence[RunStream], total: int) -> str:
    if not failed:
        return ""
    if total == 1:
        return failed[0].error_message
    return "\n".join(f"{stream.stream}: {stream.error_message}" for stream in failed)
