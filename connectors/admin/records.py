"""Links from loaded rows to the vendor's own pages, by what each row's source says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import OuterRef, Subquery

from connectors import contract
from connectors.models import ConnectorConfig, RunStream
from ipai.observability.console import records
from ipai.observability.console.records import RecordLink


def record_links(target: str, rows: Sequence[Mapping[str, Any]]) -> list[RecordLink | None]:
    """The links of these rows; none for rows that no connector loaded, and for records that the vendor has deleted."""
    loaded = {row["_connector_id"] for row in rows if row.get("_connector_id")}
    newest = RunStream.objects.filter(run__connector=OuterRef("pk"), target=target).order_by("-id")
    found = ConnectorConfig.objects.filter(pk__in=loaded).annotate(stream=Subquery(newest.values("stream")[:1])) if loaded else []
    connectors: dict[Any, Any] = {connector.pk: connector for connector in found}
    return [_link(connectors.get(row.get("_connector_id")), row) for row in rows]


def _link(connector: Any, row: Mapping[str, Any]) -> RecordLink | None:
    """``connector`` is a ConnectorConfig with the ``stream`` that brought the row."""
    source = contract.sources().get(connector.connector_type) if connector else None
    if source is None or not connector.stream or row.get("_deleted_at") is not None:
        return None
    url = source.record_url(connector.config, connector.stream, row)
    said = " ".join(str(part) for part in ("Open", connector.stream, row.get("id", "")) if part != "")
    return RecordLink(url, source.label, f"{said} in {source.label}, in a new tab") if url else None


records.register(record_links)
