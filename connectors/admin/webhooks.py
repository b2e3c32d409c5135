"""The Webhook tab of a connector: its address and state, the deliveries, and what can be done about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from connectors import services
from connectors.errors import ConnectorError
from connectors.models import ConnectorConfig, ConnectorRun, DeliveryStatus, WebhookDelivery
from connectors.services.deliveries import TARGET
from connectors.services.runs import send
from connectors.webhooks.queries import COUNTED, deliveries_of, payload_of, webhook_state
from ipai.access.permissions import may_read
from ipai.access.sessions import claims_for
from ipai.observability.console.listing import chips, keyset
from ipai.observability.console.pages import actor, page, person, render
from ipai.vault.errors import VaultError

TRAIL = ("Connectors", "/admin/connectors/")
SCHEMA = TARGET.partition(".")[0]


def webhook_tab(request: HttpRequest, connector: ConnectorConfig) -> dict[str, Any]:
    """What the tab shows."""
    state = webhook_state(connector)
    if state is None:
        raise Http404("This source has no webhooks")
    found = deliveries_of(connector)
    chosen = {name: request.GET.get(name, "") for name in ("status", "event")}
    if chosen["event"]:
        found = found.filter(event=chosen["event"])
    if chosen["status"] in DeliveryStatus.values:
        found = found.filter(status=chosen["status"])
    listed = keyset(found, request, "-received_at", "-id")
    runs = ConnectorRun.objects.filter(pk__in={row.run_id for row in listed.rows})  # old ones are gone
    return {
        "webhook": state,
        "url": request.build_absolute_uri(state.path),
        "slice": listed,
        "runs": set(runs.values_list("pk", flat=True)),
        "chips": chips(request, "status", [(value, label, state.counts.get(value, 0)) for value, label in DeliveryStatus.choices]),
        "counted": COUNTED,
        "chosen": chosen,
        "filtered": any(chosen.values()),
    }


@page("connectors/<uuid:connector_id>/webhook/secret/", "webhook_secret", action="edit_connectors", post=True)
@never_cache
def make_secret(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """A new secret, shown this once; with ``vendor=1`` the webhook is made at the vendor too."""
    connector = _connector(request, connector_id)
    base = request.build_absolute_uri("/") if request.POST.get("vendor") == "1" else ""
    try:
        made = services.rotate_webhook_secret(actor(request), connector, base)
    except (ConnectorError, VaultError) as error:
        messages.error(request, str(error))
        return redirect(_tab(connector))
    context = {"made": made, "connector": connector, "url": request.build_absolute_uri(made.url), "asked": bool(base)}
    trail = [TRAIL, (connector.name, _tab(connector))]
    return render(request, "console/connectors/webhook_made.html", "Webhook secret", context, trail=trail)


@page("connectors/<uuid:connector_id>/webhook/sweep/", "webhook_sweep", action="run_connectors", post=True)
def sweep_now(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Look for lost deliveries now."""
    connector = _connector(request, connector_id)
    send("connectors.sweep_webhook", str(connector.pk))
    messages.success(request, "A worker looks for lost deliveries; what it finds shows up here")
    return redirect(_tab(connector))


@page("connectors/<uuid:connector_id>/deliveries/again/", "deliveries_again", action="run_connectors", post=True)
def process_failed(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Process all failed deliveries again."""
    connector = _connector(request, connector_id)
    return _again(request, lambda: services.process_again(actor(request), connector), _tab(connector))


@page("connectors/<uuid:connector_id>/deliveries/<str:delivery_id>/again/", "delivery_again", action="run_connectors", post=True)
def process_one(request: HttpRequest, connector_id: UUID, delivery_id: str) -> HttpResponse:
    """Process one delivery again."""
    connector = _connector(request, connector_id)
    back = reverse("admin:delivery", args=[connector_id, delivery_id])
    return _again(request, lambda: services.process_again(actor(request), connector, delivery_id), back)


@page("connectors/<uuid:connector_id>/deliveries/<str:delivery_id>/", "delivery", action="view_connectors")
def delivery_detail(request: HttpRequest, connector_id: UUID, delivery_id: str) -> HttpResponse:
    """One delivery; its payload for roles that read bronze."""
    connector = _connector(request, connector_id)
    delivery = deliveries_of(connector).filter(id=delivery_id).first()
    if delivery is None:
        raise Http404("There is no such delivery")
    may = may_read(person(request), SCHEMA)
    context = {
        "connector": connector,
        "delivery": delivery,
        "may": may,
        "payload": payload_of(claims_for(person(request)), delivery) if may else None,
        "run": delivery.run_id and ConnectorRun.objects.filter(pk=delivery.run_id).first(),
        "kept": WebhookDelivery.objects.filter(pk=delivery.pk, payload__isnull=False).exists(),
        "tab": _tab(connector),
    }
    trail = [TRAIL, (connector.name, _tab(connector))]
    return render(request, "console/connectors/delivery.html", f"{delivery.event} {delivery_id[:8]}", context, trail=trail)


def _again(request: HttpRequest, do: Callable[[], int], back: str) -> HttpResponse:
    try:
        count = do()
    except ConnectorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{count:,} {'delivery is' if count == 1 else 'deliveries are'} processed again in a moment")
    return redirect(back)


def _connector(request: HttpRequest, connector_id: UUID) -> ConnectorConfig:
    from connectors.admin.connectors import connector_or_404

    return connector_or_404(request, connector_id)


def _tab(connector: ConnectorConfig) -> str:
    return f"{reverse('admin:connector', args=[connector.pk])}?tab=webhook"
