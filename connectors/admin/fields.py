"""The fields tab of a connector: what the vendor calls each field, and the column it becomes. No call to the vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from connectors.models import ConnectorConfig, RunStream, StreamFields
from ipai.observability.console.catalog import table_address, tables_present

Field = dict[str, Any]
"""A :class:`connectors.contract.FieldMapping` as it is kept."""


@dataclass(slots=True)
class StreamMapping:
    """The fields of one stream. ``shown`` are those to list at once; None: when somebody opens them."""

    known: StreamFields
    target: str
    vendor_name: str
    shown: list[Field] | None
    address: str = ""

    @property
    def columns(self) -> int:
        return sum(field["column"] is not None for field in self.known.fields)

    @property
    def raw(self) -> int:
        return sum(field["column"] is None and field["in_raw"] for field in self.known.fields)

    @property
    def left(self) -> int:
        return len(self.known.fields) - self.columns - self.raw


def fields_tab(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    """Every stream whose fields are known; with ``?q=`` those that have a field which matches, and these fields."""
    words = request.GET.get("q", "").strip()
    known = list(connector.stream_fields.order_by("stream"))
    last = {one.stream: one for one in _newest(connector)}
    found = []
    for one in known:
        about = last.get(one.stream)
        shown = [field for field in one.fields if _matches(field, words)] if words or len(known) == 1 else None
        if shown or not words:
            vendor_name = about.metadata.get("vendor_name", "") if about else ""
            found.append(StreamMapping(one, about.target if about else "", vendor_name, shown))
    there = tables_present(request, (mapping.target for mapping in found))
    for mapping in found:
        mapping.address = table_address(mapping.target) if mapping.target in there else ""
    return {"mappings": found, "sought": words, "known": len(known), "ran": bool(last)}


def _newest(connector: ConnectorConfig) -> list[RunStream]:
    """The streams of the newest run that had any."""
    newest = RunStream.objects.filter(run__connector=connector).order_by("-run__queued_at", "-id").first()
    return list(newest.run.streams.all()) if newest else []


def _matches(field: Field, words: str) -> bool:
    text = " ".join(str(field[name] or "") for name in ("name", "label", "type", "column", "column_type", "note")).lower()
    return all(word in text for word in words.lower().split())
