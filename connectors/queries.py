"""Every read of connectors and runs that the console, the API and the commands share."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cronsim import CronSim
from django.db import OperationalError, connection, transaction
from django.db.models import Count, DateTimeField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from psycopg import sql

from connectors.models import ENDED, OPEN, ConnectorConfig, ConnectorRun, Mode, RunStream, Status, Trigger
from connectors.services.runs import counts_of, proof_over, reading_runs
from ipai.access.models import Tenant

PROVEN_RUNS = 50
"""Runs that are looked through for the newest proof of each stream."""
HELD = """
SELECT count(*) FILTER (WHERE _deleted_at IS NULL), greatest(max(_loaded_at), max(_deleted_at)) FROM {} WHERE _connector_id = %s
"""


def connectors_for(tenant: Tenant | None) -> QuerySet[ConnectorConfig]:
    """Connectors of a tenant (None: of all) with ``last_status``, ``last_ended_at``, ``last_success_at``, ``last_error``,
    ``last_run_id``, ``open_run_id`` and ``failures_7d``.
    """
    # Ordered as the index run_by_connector is, so that each subquery stops at its first row.
    ended = ConnectorRun.objects.filter(connector=OuterRef("pk"), status__in=ENDED).order_by("-queued_at")
    open_run = ConnectorRun.objects.filter(connector=OuterRef("pk"), status__in=OPEN).exclude(trigger=Trigger.WEBHOOK)
    success = ended.filter(status=Status.SUCCESS)
    # Not a join: it would read every run there ever was.
    failed = ended.filter(status=Status.FAILED, queued_at__gte=timezone.now() - timedelta(days=7))
    found = ConnectorConfig.objects.select_related("tenant", "owner").annotate(
        last_status=Subquery(ended.values("status")[:1]),
        last_error=Subquery(ended.values("error_message")[:1]),
        last_run_id=Subquery(ended.values("id")[:1]),
        last_ended_at=Subquery(ended.values("ended_at")[:1], output_field=DateTimeField()),
        last_success_at=Subquery(success.values("ended_at")[:1], output_field=DateTimeField()),
        open_run_id=Subquery(open_run.values("id")[:1]),
        failures_7d=Coalesce(Subquery(failed.order_by().values("connector").annotate(count=Count("*")).values("count")), 0),
    )
    return found if tenant is None else found.filter(tenant=tenant)


def runs_for(tenant: Tenant | None) -> QuerySet[ConnectorRun]:
    """Runs of a tenant's connectors (None: of all), newest first."""
    found = ConnectorRun.objects.select_related("connector")
    return found if tenant is None else found.filter(connector__tenant=tenant)


def run_detail(run: ConnectorRun) -> dict[str, Any]:
    """A run in the contract's shape, as ``runconnector --json`` and the API give it."""
    return {
        "run_id": str(run.id),
        "connector": run.connector.name,
        "mode": run.mode,
        "trigger": run.trigger,
        "status": run.status,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "seconds": seconds_of(run),
        "rows_read": run.rows_read,
        "rows_written": run.rows_written,
        "error_message": run.error_message,
        "streams": [stream_detail(stream) for stream in run.streams.all()],
        "proof": run.metadata.get("proof"),
    }


def proof_of(run: ConnectorRun) -> dict[str, Any] | None:
    """The run's proof for people: with ``run_id`` and the moment as ``at_time``; None when nothing was compared."""
    proof = run.metadata.get("proof")
    if not proof:
        return None
    streams = dict(sorted(proof["streams"].items()))  # jsonb has an order of its own
    return {**proof, "streams": streams, "run_id": run.id, "at_time": datetime.fromisoformat(proof["at"])}


def proven_runs() -> QuerySet[ConnectorRun]:
    """Runs that were compared with their source, in the words of the index ``run_proven``."""
    return ConnectorRun.objects.filter(metadata__proof__at__isnull=False)


def last_proof(connector: ConnectorConfig) -> dict[str, Any] | None:
    """The newest proof of each stream of a connector as one: ``at_time`` is when the oldest of them was made, ``run_id`` the run
    of the newest. None when nothing was compared.
    """
    runs = list(proven_runs().filter(connector=connector).order_by("-queued_at", "-id")[:PROVEN_RUNS])
    proofs: dict[str, Any] = {}
    uncompared: set[str] = set()
    for run in runs:
        proof = run.metadata["proof"]
        for name, one in proof["streams"].items():
            proofs.setdefault(name, {"at": proof["at"], **one})
        uncompared |= set(proof.get("uncompared", ()))
        if not run.only_streams and not proof.get("uncompared"):
            break  # of all streams there are; older runs may tell of some that are no more
    if not proofs:
        return None
    oldest = min(datetime.fromisoformat(one["at"]) for one in proofs.values())
    return {**proof_over(proofs, sorted(uncompared - proofs.keys())), "run_id": runs[0].pk, "at_time": oldest}


def stream_detail(stream: RunStream) -> dict[str, Any]:
    """One stream of a run: its counts, where it writes, and while it runs, how far it is."""
    return {
        **counts_of(stream),
        "target": stream.target,
        "status": stream.status,
        "error_message": stream.error_message,
        "progress": stream.progress if stream.status == Status.RUNNING else None,
        "schema_changes": stream.metadata.get("schema_changes", []),
        "warnings": stream.metadata.get("warnings", []),
    }


@dataclass(frozen=True, slots=True)
class Held:
    """What a table holds of one connector now: rows that are not deleted, and when the last one changed."""

    rows: int
    changed_at: datetime | None


def held(connector: ConnectorConfig, targets: Iterable[str], budget: float = 1.5) -> dict[str, Held]:
    """What these ``schema.table`` hold of the connector. Those that a load has locked, or that take longer than ``budget``
    seconds together, are not in the answer.
    """
    found, until = dict[str, Held](), time.monotonic() + budget
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '200ms'")
        for target in targets:
            left = max(1, round(1000 * (until - time.monotonic())))
            with suppress(OperationalError), transaction.atomic():
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
                name = sql.Identifier(*target.split(".", 1)).as_string(cursor.connection)
                cursor.execute(HELD.format(name), [connector.pk])
                found[target] = Held(*cursor.fetchone())
        transaction.set_rollback(True)  # the limits go with it
    return found


def seconds_of(run: ConnectorRun) -> float | None:
    """How long the run took, or takes so far; None before it starts."""
    if run.started_at is None:
        return None
    return round(((run.ended_at or timezone.now()) - run.started_at).total_seconds(), 3)


def run_words(run: ConnectorRun) -> str:
    """What happened, in one line for people."""
    took = duration_words(seconds_of(run))
    if run.status == Status.QUEUED:
        return "Waiting for a worker"
    if run.status == Status.RUNNING:
        read = sum(stream.rows_read for stream in run.streams.all())
        return f"Running for {took}, {read:,} rows read so far"
    totals = {
        name: sum(getattr(stream, f"rows_{name}") for stream in run.streams.all())
        for name in ("written", "updated", "unchanged", "rejected", "deleted")
    }
    done = ", ".join(f"{count:,} {name}" for name, count in totals.items() if count) or "nothing new"
    if run.status == Status.SUCCESS:
        return f"Loaded in {took}: {done}"
    if run.status == Status.CANCELLED:
        return f"Cancelled after {took}; kept: {done}"
    return f"Failed after {took}: {run.error_message.splitlines()[0] if run.error_message else 'no reason given'}"


def duration_words(seconds: float | None) -> str:
    """4.2 s, 2 m 10 s or 1 h 5 m."""
    if seconds is None:
        return "0 s"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} m"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a connector's data is: ``state`` is fresh, late or none (never loaded); ``age`` since the last success."""

    state: str
    age: timedelta | None
    target: timedelta


def freshness(connector: ConnectorConfig) -> Freshness:
    """Age of the newest successful run against the connector's target."""
    target = timedelta(minutes=connector.freshness_target_minutes)
    last: datetime | None = getattr(connector, "last_success_at", None)
    if not hasattr(connector, "last_success_at"):
        last = connector.runs.filter(status=Status.SUCCESS).order_by("-queued_at").values_list("ended_at", flat=True).first()
    if last is None:
        return Freshness("none", None, target)
    age = timezone.now() - last
    return Freshness("late" if age > target else "fresh", age, target)


def next_run(connector: ConnectorConfig) -> datetime | None:
    """When the schedule comes next (UTC); None without one or when paused."""
    if not (connector.schedule and connector.is_enabled):
        return None
    upcoming: datetime = next(CronSim(connector.schedule, timezone.now()))
    return upcoming


def upcoming_runs(count: int, tenant: Tenant | None = None) -> list[tuple[datetime, ConnectorConfig]]:
    """The next scheduled starts, soonest first."""
    found = ConnectorConfig.objects.exclude(schedule="").filter(is_enabled=True)
    if tenant is not None:
        found = found.filter(tenant=tenant)
    due = [(moment, connector) for connector in found if (moment := next_run(connector))]
    return sorted(due, key=lambda pair: pair[0])[:count]


def schedule_words(expression: str) -> str:
    """A cron expression in words; how it is started when empty."""
    if not expression:
        return "Only when somebody starts it"
    from cron_descriptor import get_description

    return f"{get_description(expression)} (UTC)"


def connector_named(name: str, tenant: Tenant) -> ConnectorConfig | None:
    """A connector by name or id within a tenant."""
    by = Q(name=name)
    if key := _uuid(name):
        by |= Q(pk=key)
    return ConnectorConfig.objects.filter(by, tenant=tenant).select_related("tenant").first()


def run_with_id(text: str, tenant: Tenant) -> ConnectorRun | None:
    """A run by its id within a tenant."""
    key = _uuid(text)
    return runs_for(tenant).filter(pk=key).first() if key else None


def open_run(connector: ConnectorConfig) -> ConnectorRun | None:
    """The run that is queued or running; there is one at most."""
    return reading_runs(connector).select_related("connector").first()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def is_mode(value: str) -> bool:
    """Whether this is a sync mode."""
    return value in Mode.values
