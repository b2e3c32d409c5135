"""What becomes of each field of a model, for people: a column, ``_raw``, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.contract import FieldMapping
from connectors.sources.odoo.fields import Layout

RAW_ALONE: Mapping[str, str] = {
    "one2many": "the ids of records that point here, as of this record's own last change",
    "binary": "a file or picture: only its size",
}


def mapping(
    described: Mapping[str, Mapping[str, Any]], layout: Layout, unreadable: Mapping[str, str], user: str
) -> list[FieldMapping]:
    """The fields as ``fields_get`` described them: columns first, then what stays in ``_raw``, then what is not read."""
    found = [_mapped(name, told, layout, unreadable, user) for name, told in described.items()]
    return sorted(found, key=lambda field: (field.column is None, not field.in_raw, field.name != "id", field.name))


def _mapped(name: str, told: Mapping[str, Any], layout: Layout, unreadable: Mapping[str, str], user: str) -> FieldMapping:
    kind, label = str(told.get("type")), str(told.get("string") or name)
    shown = f"{kind} of {told['relation']}" if told.get("relation") else kind
    field = layout.fields.get(name)
    if field is not None and field.column_type:
        return FieldMapping(name, label, shown, name, field.column_type)
    if field is not None:
        return FieldMapping(name, label, shown, in_raw=True, note=RAW_ALONE.get(kind, f"no column for a field of type {kind}"))
    if name in unreadable:
        return FieldMapping(name, label, shown, note=unreadable[name] or f"{user} may not read it")
    return FieldMapping(name, label, shown, note="Odoo computes it and stores nothing")
