"""The catalog: layers, tables, and one table with its columns, sample, readers and lineage."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from ipai.access.models import Role
from ipai.access.permissions import may_read
from ipai.access.sessions import claims_for, governed
from ipai.lakehouse import queries as lakehouse
from ipai.observability.console import records
from ipai.observability.console.pages import NavItem, page, person, render, scope

SAMPLE_ROWS = 20
TRAIL = ("Catalog", "/admin/catalog/")


@page("catalog/", "catalog", action="view_catalog", nav=NavItem("Data", "Catalog", "database", 1, "t"))
def catalog(request: HttpRequest) -> HttpResponse:
    """Every table by layer; ``?layer=`` narrows to one schema, ``?q=`` searches names, comments and columns."""
    layers = lakehouse.layers()
    chosen = request.GET.get("layer", "")
    words = request.GET.get("q", "").strip()
    everything = lakehouse.tables(tenant_id=tenant_id_of(request))
    narrowed = chosen or words
    found = lakehouse.tables(chosen or None, words or None, tenant_id=tenant_id_of(request)) if narrowed else everything
    shown: list[dict[str, Any]] = [
        {"layer": layer, "tables": [table for table in found if table["schema"] == layer["schema"]]} for layer in layers
    ]
    context = {
        "groups": [group for group in shown if group["tables"] or group["layer"]["schema"] == chosen],
        "levels": _by_level(request, layers, Counter(table["schema"] for table in everything)),
        "chosen": chosen,
        "words": words,
        "found": len(found),
    }
    return render(request, "console/catalog/list.html", "Catalog", context)


@page("catalog/<slug:schema>/<str:table>/", "catalog_table", action="view_catalog")
def catalog_table(request: HttpRequest, schema: str, table: str) -> HttpResponse:
    """One table or view."""
    try:
        detail = lakehouse.table_detail(schema, table, tenant_id=tenant_id_of(request))
    except lakehouse.UnknownTable as error:
        raise Http404(str(error)) from None
    except lakehouse.TableBusy as error:
        return render(request, "console/catalog/busy.html", f"{schema}.{table}", {"trouble": str(error)}, trail=[TRAIL], status=503)
    context = {
        "table": detail,
        "columns": [{**column, "key": column["name"] in detail["primary_key"]} for column in detail["column_list"]],
        "readers": [(Role(role).label if role in Role.values else role, reads) for role, reads in detail["readers"].items()],
        "readable": may_read(person(request), schema),
        "target_age": timedelta(minutes=detail["freshness_target_minutes"] or 0),
        "upstream": [{"name": name, "url": table_address(name)} for name in detail["upstream"]],
        "downstream": [{"name": name, "url": table_address(name)} for name in detail["downstream"]],
        "sampled": SAMPLE_ROWS,
        **_sample(request, detail),
    }
    return render(request, "console/catalog/table.html", f"{schema}.{table}", context, trail=[TRAIL])


def _sample(request: HttpRequest, detail: lakehouse.TableDetail) -> dict[str, Any]:
    """Rows that the database gives this person: the layer's rule first, so that a refusal says which one."""
    schema, table = detail["schema"], detail["name"]
    if not may_read(person(request), schema):
        return {}
    columns = [column["name"] for column in detail["column_list"]]
    try:
        with governed(claims_for(person(request))) as cursor:
            found = lakehouse.sample(cursor, schema, table, columns, SAMPLE_ROWS)
            counted, complete = lakehouse.count_rows(cursor, schema, table)
    except DatabaseError as error:
        return {"trouble": str(error).splitlines()[0]}
    return {"sample": arranged(f"{schema}.{table}", found), "rows": counted, "rows_complete": complete}


def arranged(target: str, sample: dict[str, list[Any]]) -> dict[str, Any]:
    """Rows of ``schema.table`` as the page shows them, each with the link to its record if there is one.

    The source's columns come first; those that say where a row came from (``_run_id`` and the like) last.
    """
    order = sorted(range(len(sample["columns"])), key=lambda index: sample["columns"][index].startswith("_"))
    links = records.links(target, sample["columns"], sample["rows"])
    rows = [
        {"link": link, "cells": [_cell(row[index]) for index in order]} for row, link in zip(sample["rows"], links, strict=True)
    ]
    return {
        "columns": [sample["columns"][index] for index in order],
        "rows": rows,
        "vendor": next((link.vendor for link in links if link), ""),
    }


def _cell(value: Any) -> Any:
    """A value as PostgreSQL's people write it: true, not True; JSON, not Python."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if value is None else str(value)


def _by_level(request: HttpRequest, layers: list[lakehouse.LayerSummary], tables: Counter[str]) -> list[dict[str, Any]]:
    """The schemas by level, bronze first, each with its number of tables and views."""
    user = person(request)
    found: dict[str, list[dict[str, Any]]] = {}
    for layer in layers:
        line = {**layer, "count": tables[layer["schema"]], "readable": may_read(user, layer["schema"])}
        found.setdefault(layer["level"], []).append(line)
    return [{"name": level, "layers": lines} for level, lines in found.items()]


def tenant_id_of(request: HttpRequest) -> Any:
    """The tenant that the catalog is narrowed to; None for a superuser."""
    tenant = scope(request)
    return None if tenant is None else tenant.pk


def tables_present(request: HttpRequest, targets: Iterable[str]) -> set[str]:
    """Those of these ``schema.table`` that have a page which this person may open."""
    return lakehouse.present([target for target in targets if target], tenant_id=tenant_id_of(request))


def table_address(target: str) -> str:
    """The page of ``schema.table``."""
    schema, _, table = target.partition(".")
    return reverse("admin:catalog_table", args=[schema, table])
