"""The audit log: who did what to what, the difference it made, and an export."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from ipai.observability.console.listing import address, keyset
from ipai.observability.console.pages import NavItem, page, render, scope
from ipai.observability.models import AuditLog
from ipai.observability.queries import events_for

COLUMNS = ("created_at", "actor", "action", "entity_type", "entity_id", "details", "ip_address", "user_agent")
EXPORTED = 100_000
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
"""What a formula begins with."""


@page("audit/", "audit", action="view_audit", nav=NavItem("Govern", "Audit log", "history", 2, "l"))
def audit_log(request: HttpRequest) -> HttpResponse:
    """Events, newest first: filter by entity, its id, actor and time."""
    listed = keyset(_found(request), request, "-id")
    everything = events_for(scope(request))
    context = {
        "slice": listed,
        "events": [{"event": event, "changed": _changed(event), "details": _details(event)} for event in listed.rows],
        "entities": sorted(everything.order_by().values_list("entity_type", flat=True).distinct()),
        "export": f"export/{address(request)}",
        "any": bool(listed.rows) or bool(request.GET),
    }
    return render(request, "console/audit.html", "Audit log", context)


@page("audit/export/", "audit_export", action="view_audit")
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """The filtered events as CSV, the newest 100,000 at most."""
    response = StreamingHttpResponse(_csv(_found(request).order_by("-id")[:EXPORTED]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
    return response


class _Echo:
    def write(self, value: str) -> str:
        return value


def _csv(events: QuerySet[AuditLog]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for event in events.iterator(chunk_size=2000):
        cells = [event.created_at.isoformat(), event.actor, event.action, event.entity_type, event.entity_id]
        cells += [json.dumps(event.details, default=str, ensure_ascii=False), event.ip_address or "", event.user_agent]
        yield writer.writerow([_inert(cell) for cell in cells])


def _inert(cell: str) -> str:
    """A cell that a spreadsheet will not take for a formula, also where it passes over blanks or reads full-width signs."""
    return f"'{cell}" if cell.startswith(("\t", "\r", "\n")) or cell.lstrip().startswith(FORMULA) else cell


def _found(request: HttpRequest) -> QuerySet[AuditLog]:
    found = events_for(scope(request))
    for param, field in (("entity", "entity_type"), ("id", "entity_id"), ("actor", "actor")):
        value = request.GET.get(param, "").strip()
        if value:
            found = found.filter(**{field: value})
    words = request.GET.get("q", "").strip()
    return (
        found.filter(
            Q(entity_id__icontains=words)
            | Q(actor__icontains=words)
            | Q(action__icontains=words)
            | Q(details__name__icontains=words)
        )
        if words
        else found
    )


def _changed(event: AuditLog) -> list[tuple[str, str, str]]:
    """``(field, before, after)``; a changed JSON object is taken apart by its keys."""
    rows: list[tuple[str, str, str]] = []
    changed = event.details.get("changed") if isinstance(event.details, dict) else None
    for name, pair in (changed or {}).items():
        if not (isinstance(pair, list) and len(pair) == 2):
            continue
        before, after = pair
        if isinstance(before, dict) and isinstance(after, dict):
            keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            rows += [(f"{name}.{key}", _text(before.get(key)), _text(after.get(key))) for key in keys]
        else:
            rows.append((name, _text(before), _text(after)))
    return rows


def _details(event: AuditLog) -> list[tuple[str, str]]:
    if not isinstance(event.details, dict):
        return []
    return [
        (name.replace("_", " "), _text(value))
        for name, value in event.details.items()
        if name != "changed" and value not in (None, "", [], {})
    ]


def _text(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "nothing"
    return json.dumps(value, default=str, ensure_ascii=False)
