"""The list of runs, and the page of one: live while it is open."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from connectors.admin.queries import COUNTED, progress_of, status_counts
from connectors.models import OPEN, ConnectorConfig, ConnectorRun, Mode, RunStream, Status, Trigger
from connectors.queries import proof_of, run_words, runs_for, seconds_of
from ipai.observability.console.catalog import table_address, tables_present
from ipai.observability.console.listing import chips, keyset
from ipai.observability.console.pages import NavItem, allowed, page, render, scope

LEVELS = ("debug", "info", "warning", "error")
LOG_LINES = 500
PHASES = ("extract", "load", "prove")
COUNTS = ("read", "written", "updated", "unchanged", "rejected", "deduplicated", "deleted")


@page("runs/", "runs", action="view_connectors", nav=NavItem("Operate", "Runs", "play_circle", 2, "r"))
def run_list(request: HttpRequest) -> HttpResponse:
    """Runs, newest first: filters by status, connector, trigger and mode; paged by key, never counted whole."""
    mine = ConnectorConfig.objects.all() if scope(request) is None else ConnectorConfig.objects.filter(tenant=scope(request))
    found = runs_for(scope(request))
    chosen = {name: request.GET.get(name, "") for name in ("connector", "trigger", "mode")}
    if chosen["connector"]:
        found = found.filter(connector__in=mine.filter(name=chosen["connector"]))
    if chosen["trigger"] in Trigger.values:
        found = found.filter(trigger=chosen["trigger"])
    if chosen["mode"] in Mode.values:
        found = found.filter(mode=chosen["mode"])
    counts, complete = status_counts(found)
    status = request.GET.get("status", "")
    shown = found.filter(status=status) if status in Status.values else found
    context = {
        "slice": keyset(shown.prefetch_related("streams"), request, "-queued_at", "-id"),
        "chips": chips(request, "status", [(value, label, counts[value]) for value, label in Status.choices]),
        "complete": complete,
        "counted": COUNTED,
        "connectors": list(mine.order_by("name").values_list("name", flat=True).distinct()[:1000]),
        "triggers": Trigger.choices,
        "modes": Mode.choices,
        "chosen": chosen,
        "any": bool(request.GET) or bool(counts and any(counts.values())),
    }
    return render(request, "console/runs/list.html", "Runs", context)


@page("runs/<uuid:run_id>/", "run", action="view_connectors")
def run_detail(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: what happened in words, per stream, in time; what was rejected; the log."""
    run = run_or_404(request, run_id)
    context = live_context(request, run)
    if allowed(request, "view_rejected"):
        context["rejected"] = keyset(run.rejected.all(), request, "id")
    context["metadata"] = json.dumps(run.metadata, indent=2, cls=DjangoJSONEncoder, ensure_ascii=False) if run.metadata else ""
    trail = [("Connectors", "/admin/connectors/"), (run.connector.name, f"/admin/connectors/{run.connector_id}/")]
    return render(request, "console/runs/detail.html", f"Run {str(run.id)[:8]}", context, trail=trail)


@page("runs/<uuid:run_id>/live/", "run_live", action="view_connectors")
def run_live(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The part of the page that changes; once the run has ended the whole page is asked for again."""
    run = run_or_404(request, run_id)
    headers = {} if run.status in OPEN else {"HX-Refresh": "true"}
    return TemplateResponse(request, "console/runs/live.html", live_context(request, run), headers=headers)


def run_or_404(request: HttpRequest, run_id: UUID) -> ConnectorRun:
    """The run with its streams, if it is the person's to see."""
    found = runs_for(scope(request)).prefetch_related("streams").filter(pk=run_id).first()
    if found is None:
        raise Http404("There is no such run")
    return found


def live_context(request: HttpRequest, run: ConnectorRun) -> dict[str, Any]:
    """What changes while a run is open."""
    streams = list(run.streams.all())
    rows, percent = progress_of([stream for stream in streams if stream.status != Status.QUEUED] or streams)
    tables = tables_present(request, (stream.target for stream in streams))
    level = request.GET.get("level", "info").lower()
    level = level if level in LEVELS else "info"
    context: dict[str, Any] = {
        "run": run,
        "open": run.status in OPEN,
        "words": run_words(run),
        "seconds": seconds_of(run),
        "streams": [_stream_line(stream, stream.target in tables) for stream in streams],
        "totals": {name: sum(getattr(stream, f"rows_{name}") for stream in streams) for name in COUNTS},
        "rows": rows,
        "percent": percent,
        "lanes": _lanes(run, streams),
        "proof": proof_of(run),
        "level": level,
        "levels": LEVELS,
    }
    if allowed(request, "view_run_log"):
        wanted = run.log.filter(level__in=[*LEVELS[LEVELS.index(level) :], "critical"])
        context["log"] = list(wanted.order_by("-id")[:LOG_LINES])[::-1]
    return context


def _stream_line(stream: RunStream, there: bool) -> dict[str, Any]:
    """``there``: the target table exists, so it has a page to link to."""
    rows, percent = progress_of([stream])
    accounted = stream.rows_written + stream.rows_updated + stream.rows_unchanged + stream.rows_rejected + stream.rows_deduplicated
    return {
        "stream": stream,
        "address": table_address(stream.target) if there else "",
        "counts": [getattr(stream, f"rows_{name}") for name in COUNTS],
        "rows": rows,
        "percent": percent,
        "phase": stream.progress.get("phase", "") if stream.status == Status.RUNNING else "",
        "part": stream.progress.get("part", "") if stream.status == Status.RUNNING else "",
        "balanced": stream.status in OPEN or stream.rows_read == accounted,
        "changes": stream.metadata.get("schema_changes", []),
        "warnings": stream.metadata.get("warnings", []),
    }


def _lanes(run: ConnectorRun, streams: list[RunStream]) -> list[dict[str, Any]]:
    """What each stream spent on the run's time axis, as per cent of it: extract, load, prove, in this order."""
    total = seconds_of(run)
    if not total or run.started_at is None:
        return []
    lanes = []
    for stream in streams:
        if stream.started_at is None:
            continue
        start = max(0.0, (stream.started_at - run.started_at).total_seconds())
        spent = _spent(stream, max(total - start, 0))
        bars, at = [], start
        for phase, seconds in spent.items():
            bars.append({"phase": phase, "left": round(100 * at / total, 2), "width": round(100 * seconds / total, 2)})
            at += seconds
        words = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in spent.items())
        lanes.append({"stream": stream.stream, "bars": bars, "seconds": at - start, "said": f"{stream.stream}: {words}"})
    return lanes


def _spent(stream: RunStream, left: float) -> dict[str, float]:
    """Seconds by phase, no more in all than the stream took; ``left`` is that for one that still runs."""
    took = (stream.ended_at - stream.started_at).total_seconds() if stream.ended_at and stream.started_at else left
    known = stream.metadata.get("seconds", {})
    spent = {phase: float(known.get(phase, 0)) for phase in PHASES} if known else {"extract": took}
    whole = sum(spent.values())
    if whole > took > 0:
        spent = {phase: seconds * took / whole for phase, seconds in spent.items()}
    return {phase: seconds for phase, seconds in spent.items() if seconds or phase != "prove"}
