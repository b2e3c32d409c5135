"""The list of connectors, and the page of one with its tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from connectors import contract
from connectors.admin.fields import fields_tab
from connectors.admin.queries import Line, health, lines, streams_of
from connectors.admin.webhooks import webhook_tab
from connectors.models import ConnectorConfig
from connectors.queries import connectors_for, freshness, held, last_proof, next_run, runs_for, schedule_words
from connectors.schema import said_settings
from connectors.services.hooks import webhook_of
from ipai.access.permissions import may_read
from ipai.access.sessions import claims_for, governed
from ipai.lakehouse import queries as lakehouse
from ipai.observability.console.catalog import arranged, tables_present, tenant_id_of
from ipai.observability.console.find import Found
from ipai.observability.console.find import register as register_finder
from ipai.observability.console.listing import chips, keyset
from ipai.observability.console.pages import NavItem, allowed, page, person, render, scope
from ipai.observability.console.secrets import set_by
from ipai.vault.queries import secrets_for

HEALTH = (
    ("failed", "Failed"),
    ("late", "Late"),
    ("running", "Running"),
    ("healthy", "Healthy"),
    ("none", "No data"),
    ("paused", "Paused"),
)
TABS = (
    ("overview", "Overview"),
    ("streams", "Streams"),
    ("fields", "Fields"),
    ("runs", "Runs"),
    ("webhook", "Webhook"),
    ("settings", "Settings"),
    ("preview", "Preview"),
)
PREVIEW_ROWS = 20
TRAIL = ("Connectors", "/admin/connectors/")

SORTS: dict[str, Callable[[Line], tuple[Any, ...]]] = {
    "name": lambda line: (line.connector.name.lower(),),
    "type": lambda line: (line.connector.connector_type, line.connector.name.lower()),
    "last": lambda line: (line.connector.last_ended_at is not None, line.connector.last_ended_at, line.connector.name),
    "age": lambda line: (line.fresh.age is not None, line.fresh.age, line.connector.name),
    "failures": lambda line: (line.connector.failures_7d, line.connector.name),
}


@page("connectors/", "connectors", action="view_connectors", nav=NavItem("Operate", "Connectors", "cable", 1, "c"))
def connector_list(request: HttpRequest) -> HttpResponse:
    """Every connector the person may see: search, chips by health, sort."""
    found = [line for line in lines(scope(request)) if _matches(line, request.GET.get("q", ""))]
    counts = {state: sum(line.health == state for line in found) for state, _ in HEALTH}
    wanted = request.GET.get("health", "")
    shown = [line for line in found if not wanted or line.health == wanted]
    sort = request.GET.get("sort", "name")
    key = SORTS.get(sort.lstrip("-"), SORTS["name"])
    shown.sort(
        key=lambda line: tuple((value is not None, value) if value is not None else (False,) for value in key(line)),
        reverse=sort.startswith("-"),
    )
    listed = Paginator(shown, 50).get_page(request.GET.get("page"))
    states = [(state, label, counts[state]) for state, label in HEALTH if counts[state] or state == wanted]
    context = {"listed": listed, "chips": chips(request, "health", states), "sort": sort, "any": bool(found) or bool(request.GET)}
    return render(request, "console/connectors/list.html", "Connectors", context)


def _matches(line: Line, words: str) -> bool:
    connector = line.connector
    text = f"{connector.name} {connector.connector_type} {connector.tenant.name} {connector.owner or ''}".lower()
    return all(word in text for word in words.lower().split())


@page("connectors/<uuid:connector_id>/", "connector", action="view_connectors")
def connector_detail(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """One connector; ``?tab=`` says which side of it."""
    connector = connector_or_404(request, connector_id)
    tab = request.GET.get("tab", "overview")
    build = {
        "overview": _overview,
        "streams": _streams,
        "fields": fields_tab,
        "runs": _runs,
        "webhook": webhook_tab,
        "settings": _settings,
        "preview": _preview,
    }
    if tab not in build:
        raise Http404
    tabs = [one for one in TABS if one[0] != "webhook" or webhook_of(connector)]
    context = {**header(request, connector), "tab": tab, "tabs": tabs, **build[tab](request, connector)}
    return render(request, "console/connectors/detail.html", connector.name, context, trail=[TRAIL])


@page("connectors/<uuid:connector_id>/fields/<str:stream>/", "connector_fields", action="view_connectors")
def stream_fields(request: HttpRequest, connector_id: UUID, stream: str) -> HttpResponse:
    """The fields of one stream, for whoever opens it on the tab."""
    known = connector_or_404(request, connector_id).stream_fields.filter(stream=stream).first()
    if known is None:
        raise Http404("Nothing is known of the fields of such a stream")
    return TemplateResponse(request, "console/connectors/fields_of.html", {"fields": known.fields})


def connector_or_404(request: HttpRequest, connector_id: UUID) -> ConnectorConfig:
    """The connector, if it is the person's to see; else Http404, which does not say whether it exists."""
    found = connectors_for(scope(request)).filter(pk=connector_id).first()
    if found is None:
        raise Http404("There is no such connector")
    return found


def header(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    """What the top of every tab shows."""
    source = contract.sources().get(connector.connector_type)
    return {
        "connector": connector,
        "health": health(connector),
        "fresh": freshness(connector),
        "next": next_run(connector),
        "words": schedule_words(connector.schedule),
        "source_label": source.label if source else f"{connector.connector_type} (no such source is installed)",
    }


def _overview(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    return {
        "proof": last_proof(connector),
        "streams": streams_of(connector),
        "recent": list(connector.runs.order_by("-queued_at", "-id")[:5]),
    }


def _streams(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    streams = streams_of(connector)
    tables = tables_present(request, (line.last.target for line in streams))
    return {
        "streams": streams,
        "cursors": {state.stream: state.cursor for state in connector.state.all()},
        "tables": tables,
        "held": held(connector, sorted(tables)),
        "proven": any(line.proof for line in streams),
    }


def _runs(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    return {"slice": keyset(runs_for(scope(request)).filter(connector=connector), request, "-queued_at", "-id")}


def _settings(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    source = contract.sources().get(connector.connector_type)
    said = said_settings(source.config_schema if source else {}, connector.config)
    return {"config": said, "secrets": secret_states(connector)}


def secret_states(connector: ConnectorConfig) -> list[dict[str, Any]]:
    """For each secret of the source: whether it is set, when and by whom; never its value."""
    source = contract.sources().get(connector.connector_type)
    refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
    known = {secret.name: secret for secret in secrets_for(connector.tenant).filter(name__in=refs.values())}
    fields = source.secrets if source else ()
    found = [(field, known.get(refs.get(field.name, ""))) for field in fields]
    by = set_by(known.values())
    return [{"field": field, "secret": secret, "by": by[secret] if secret else ""} for field, secret in found]


def _preview(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    """A few rows of each target that this person may read, as the database gives them to this person."""
    named = [line.last.target for line in streams_of(connector)]
    there = tables_present(request, named)
    targets = [target for target in named if target in there]
    target = request.GET.get("table") if request.GET.get("table") in targets else next(iter(targets), None)
    context: dict[str, Any] = {"targets": targets, "target": target, "sampled": PREVIEW_ROWS}
    if target is None:
        return context
    schema, _, table = target.partition(".")
    if not may_read(person(request), schema):
        return context | {"refused": schema}
    try:
        columns = lakehouse.columns(schema, table, tenant_id=tenant_id_of(request))
        with governed(claims_for(person(request))) as cursor:
            found = lakehouse.sample(cursor, schema, table, columns, PREVIEW_ROWS)
    except (DatabaseError, LookupError, lakehouse.TableBusy) as error:
        return context | {"trouble": str(error).splitlines()[0]}
    return context | {"sample": arranged(target, found)}


def address_of(connector: ConnectorConfig) -> str:
    """The connector's page."""
    return reverse("admin:connector", args=[connector.pk])


def find_connectors(request: HttpRequest, words: str) -> list[Found]:
    """Connectors for the search box on top."""
    if not allowed(request, "view_connectors"):
        return []
    mine = connectors_for(scope(request)).filter(name__icontains=words).order_by("name")[:6]
    return [Found(connector.name, "connector", address_of(connector)) for connector in mine]


register_finder(find_connectors)
