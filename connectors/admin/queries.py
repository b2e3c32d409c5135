"""Reads that only the console needs: what the dashboard counts and what a connector's tabs show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from connectors.models import ENDED, ConnectorConfig, ConnectorRun, LoadedPart, RunStream, Status
from connectors.queries import connectors_for, freshness, next_run, runs_for
from ipai.access.models import Tenant
from ipai.observability.console.catalog import table_address

COUNTED = 10_000
"""Chips of the run list count the newest runs up to this many, so that a million stay fast."""


def health(connector: ConnectorConfig) -> str:
    """One word for a connector of ``connectors_for``: running, paused, failed, late, healthy or none."""
    if connector.open_run_id:  # type: ignore[attr-defined]
        return "running"
    if not connector.is_enabled:
        return "paused"
    if connector.last_status == Status.FAILED:  # type: ignore[attr-defined]
        return "failed"
    state = freshness(connector).state
    return {"late": "late", "fresh": "healthy", "none": "none"}[state]


@dataclass(slots=True)
class Line:
    """A connector as lists show it."""

    connector: Any
    """A ConnectorConfig with what ``connectors_for`` adds."""
    health: str
    fresh: Any
    next: datetime | None
    rows: int | None
    """Rows that its last ended run wrote."""


def lines(tenant: Tenant | None) -> list[Line]:
    """Every connector with its health and freshness, by name."""
    found = list(connectors_for(tenant).order_by("name"))
    last = [one.last_run_id for one in found if one.last_run_id]  # type: ignore[attr-defined]
    rows = dict(ConnectorRun.objects.filter(pk__in=last).values_list("id", "rows_written"))
    return [Line(one, health(one), freshness(one), next_run(one), rows.get(one.last_run_id)) for one in found]  # type: ignore[attr-defined]


def troubled(line: Line) -> bool:
    """Whether a person should look: its last run failed, or its data is late. A run in progress may be the cure."""
    failed = line.connector.last_status == Status.FAILED
    return line.health in ("failed", "late") or (line.health == "running" and failed)


def rows_today(tenant: Tenant | None) -> int:
    """Rows written by runs that ended since midnight UTC."""
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    recent = runs_for(tenant).filter(queued_at__gte=midnight - timedelta(days=2), ended_at__gte=midnight)
    return int(recent.aggregate(rows=Sum("rows_written"))["rows"] or 0)


@dataclass(slots=True)
class Day:
    """Runs by outcome and rows written on one day (UTC)."""

    date: date
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDED, 0))
    rows: int = 0

    @property
    def success(self) -> int:
        return self.outcomes[Status.SUCCESS]

    @property
    def failed(self) -> int:
        return self.outcomes[Status.FAILED]

    @property
    def cancelled(self) -> int:
        return self.outcomes[Status.CANCELLED]


def last_days(tenant: Tenant | None, count: int = 14) -> list[Day]:
    """The last days, oldest first, days without runs included."""
    today = timezone.now().astimezone(UTC).date()
    days = {today - timedelta(days=back): Day(today - timedelta(days=back)) for back in range(count - 1, -1, -1)}
    since = datetime.combine(min(days), datetime.min.time(), UTC)
    grouped = (
        runs_for(tenant).filter(queued_at__gte=since, status__in=ENDED).order_by().annotate(day=TruncDate("queued_at", tzinfo=UTC))
    )
    for row in grouped.values("day", "status").annotate(runs=Count("id"), rows=Sum("rows_written")):
        if row["day"] in days:
            days[row["day"]].outcomes[row["status"]] += row["runs"]
            days[row["day"]].rows += int(row["rows"] or 0)
    return list(days.values())


def running_now(tenant: Tenant | None) -> QuerySet[ConnectorRun]:
    """Open runs with their streams, oldest first."""
    return runs_for(tenant).filter(status__in=[Status.QUEUED, Status.RUNNING]).prefetch_related("streams").order_by("queued_at")


def progress_of(streams: Sequence[RunStream]) -> tuple[int, int | None]:
    """Rows so far and per cent done (None when no stream knows how much there is)."""
    rows = sum(int(stream.progress.get("rows") or stream.rows_read) for stream in streams)
    known = [stream for stream in streams if stream.progress.get("bytes_total")]
    if streams and all(stream.status in ENDED for stream in streams):
        return rows, 100
    if not known:
        return rows, None
    total = sum(int(stream.progress["bytes_total"]) for stream in known)
    done = sum(
        int(stream.progress["bytes_total"] if stream.status in ENDED else stream.progress.get("bytes") or 0) for stream in known
    )
    return rows, min(99, round(100 * done / total)) if total else None


def status_counts(found: QuerySet[ConnectorRun]) -> tuple[dict[str, int], bool]:
    """Runs by status among the newest ``COUNTED``; the second value says whether that was all of them."""
    newest = list(found.order_by("-queued_at", "-id").values_list("status", flat=True)[:COUNTED])
    return {status: newest.count(status) for status in Status.values}, len(newest) < COUNTED


@dataclass(slots=True)
class StreamLine:
    """One stream of a connector: its last run, and the rows that its last runs wrote, oldest first."""

    last: RunStream
    wrote: list[int]
    changes: list[str]
    parts: int = 0
    rows: int | None = None
    """Rows in the parts that are loaded now; None for a stream of records."""
    changed_at: datetime | None = None
    read_at: datetime | None = None
    """When it was last read to its end."""
    proof: dict[str, Any] | None = None
    """How the newest comparison with the source went, with ``at_time`` and ``run_id``."""

    @property
    def vendor_name(self) -> str:
        """What the vendor calls it, where that is another name."""
        return str(self.last.metadata.get("vendor_name", ""))

    @property
    def address(self) -> str:
        """The target's page in the catalog."""
        return table_address(self.last.target)


def streams_of(connector: ConnectorConfig, runs: int = 20) -> list[StreamLine]:
    """The streams seen in the connector's last runs, by name."""
    recent = list(connector.runs.order_by("-queued_at").values_list("id", flat=True)[:runs])
    found: dict[str, StreamLine] = {}
    for one in RunStream.objects.filter(run_id__in=recent).select_related("run").order_by("run__queued_at", "id"):
        line = found.setdefault(one.stream, StreamLine(one, [], []))
        line.last = one
        line.wrote.append(one.rows_written + one.rows_updated)
        line.changes = list(dict.fromkeys([*line.changes, *map(str, one.metadata.get("schema_changes", []))]))
        if one.rows_written + one.rows_updated + one.rows_deleted:
            line.changed_at = one.ended_at or line.changed_at
        if one.status == Status.SUCCESS:
            line.read_at = one.ended_at
        if proof := one.metadata.get("proof"):
            line.proof = {**proof, "run_id": one.run_id, "at_time": datetime.fromisoformat(proof["at"])}
    parts = (
        LoadedPart.objects.filter(connector=connector, gone_at=None)
        .values("stream")
        .annotate(parts=Count("id"), at=Max("loaded_at"), loaded=Sum("rows"))
    )
    for row in parts:
        if row["stream"] in found:
            found[row["stream"]].parts, found[row["stream"]].rows = row["parts"], row["loaded"]
            found[row["stream"]].changed_at = found[row["stream"]].changed_at or row["at"]
    return [found[name] for name in sorted(found)]
