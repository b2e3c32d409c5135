"""What the buttons of a connector and a run do: POST, the right role, one service call, a line that says what happened."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from connectors import services
from connectors.admin.connectors import address_of, connector_or_404
from connectors.admin.runs import run_or_404
from connectors.errors import ConnectorError, RunInProgress
from connectors.models import ConnectorRun, Mode
from connectors.uploads import forget_uploads
from ipai.observability.console.pages import actor, page
from ipai.vault.errors import VaultError


def _attempt(request: HttpRequest, do: Callable[[], ConnectorRun], back: str) -> HttpResponseRedirect:
    """Start a run and go to it; when one is open already, go to that one and say so."""
    try:
        return redirect("admin:run", do().pk)
    except RunInProgress as error:
        messages.warning(request, error.message)
        return redirect("admin:run", error.run.pk)
    except ConnectorError as error:
        messages.error(request, error.message)
        return redirect(back)


@page("connectors/<uuid:connector_id>/run/", "connector_run", action="run_connectors", post=True)
def run_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Queue a run: ``mode`` is incremental or full."""
    connector = connector_or_404(request, connector_id)
    mode = Mode.FULL if request.POST.get("mode") == Mode.FULL else Mode.INCREMENTAL
    return _attempt(
        request, lambda: services.queue_run(connector=connector, mode=mode, actor=actor(request)), address_of(connector)
    )


@page("connectors/<uuid:connector_id>/enabled/", "connector_enabled", action="pause_connectors", post=True)
def enable_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Pause (``on=0``) or enable (``on=1``)."""
    connector = connector_or_404(request, connector_id)
    on = request.POST.get("on") == "1"
    try:
        services.set_enabled(actor(request), connector, on)
    except ConnectorError as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request,
            f"{connector.name} is enabled" if on else f"{connector.name} is paused: nothing starts until it is enabled again",
        )
    return redirect(address_of(connector))


@page("connectors/<uuid:connector_id>/delete/", "connector_delete", action="edit_connectors", post=True)
def delete_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Delete it with its history and secrets. The rows it loaded stay."""
    connector = connector_or_404(request, connector_id)
    try:
        services.delete_connector(actor(request), connector)
    except ConnectorError as error:
        messages.error(request, error.message)
        return redirect(address_of(connector))
    forget_uploads(connector_id)
    messages.success(request, f"{connector.name} is deleted; the rows it loaded stay in their tables")
    return redirect("admin:connectors")


@page("connectors/<uuid:connector_id>/reset/", "connector_reset", action="edit_connectors", post=True)
def reset_stream(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Let the next run of one stream read everything again."""
    connector = connector_or_404(request, connector_id)
    stream = request.POST.get("stream", "")
    try:
        removed = services.reset_stream(actor(request), connector, stream)
    except ConnectorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{stream} starts over with the next run; {removed:,} rows were removed")
    return redirect(f"{address_of(connector)}?tab=streams")


@page("connectors/<uuid:connector_id>/test/", "connector_test", action="run_connectors", post=True)
def test_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Try the saved settings; answers a fragment with one line per thing tried."""
    return checked(request, lambda: services.check_connector(connector_or_404(request, connector_id)))


def checked(request: HttpRequest, check: Callable[[], object], problems: dict[str, str] | None = None) -> HttpResponse:
    """The fragment of "Test connection"."""
    try:
        return TemplateResponse(
            request, "console/connectors/checks.html", {"checks": check() if not problems else [], "problems": problems}
        )
    except (ConnectorError, VaultError) as error:
        found = getattr(error, "fields", None) or {"": str(error)}
        return TemplateResponse(request, "console/connectors/checks.html", {"checks": [], "problems": found})


@page("runs/<uuid:run_id>/retry/", "run_retry", action="run_connectors", post=True)
def retry_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Queue the same again."""
    run = run_or_404(request, run_id)
    return _attempt(request, lambda: services.retry_run(actor(request), run), f"/admin/runs/{run_id}/")


@page("runs/<uuid:run_id>/cancel/", "run_cancel", action="run_connectors", post=True)
def cancel_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask a run to stop; what it committed stays."""
    run = run_or_404(request, run_id)
    try:
        services.cancel_run(actor(request), run)
    except ConnectorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The run was asked to stop; what it has committed stays")
    return redirect("admin:run", run_id)
