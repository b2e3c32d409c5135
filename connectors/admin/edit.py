"""Adding and changing a connector: choose a source, fill in the form its schema makes, test it, save it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from connectors import contract, services, uploads
from connectors.admin.actions import checked
from connectors.admin.connectors import TRAIL, address_of, connector_or_404, header, secret_states
from connectors.errors import ConfigInvalid, ConnectorError
from connectors.forms import UPLOAD_URL, ConnectorForm
from connectors.models import ConnectorConfig
from connectors.queries import schedule_words
from connectors.services.configs import secrets_of
from connectors.services.schedules import schedule_problem
from ipai.access.models import Tenant, User
from ipai.observability.console.pages import actor, page, person, render, scope
from ipai.vault.errors import VaultError

SALT = "connector draft"
PRESETS = (("Every 15 minutes", "*/15 * * * *"), ("Hourly", "0 * * * *"), ("Daily", "0 6 * * *"), ("Weekly", "0 6 * * 1"))


@page("connectors/add/", "connector_add", action="edit_connectors")
def add_connector(request: HttpRequest) -> HttpResponse:
    """Without ``?type=`` the choice of sources; with it the form of one."""
    source = contract.sources().get(request.GET.get("type", ""))
    if source is None:
        listed = sorted((_said(one) for one in contract.sources().values()), key=lambda one: one["label"])
        return render(request, "console/connectors/choose.html", "Add a connector", {"sources": listed}, trail=[TRAIL])
    draft = _draft(request) or uuid4()
    form = _form(request, source, None)
    if request.method == "POST" and form.is_valid():
        tenant = _tenant_chosen(request, form)
        try:
            connector = services.create_connector(
                actor=actor(request),
                tenant=tenant,
                connector_type=source.key,
                connector_id=draft,
                config=form.config(),
                secrets=form.secrets(),
                **_plain(form),
            )
        except ConfigInvalid as error:
            form.show_problems(error.fields)
        except (ConnectorError, VaultError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{connector.name} is saved. Run it now to load its rows.")
            return redirect(address_of(connector))
    return render(
        request, "console/connectors/form.html", f"Add {source.label}", _context(request, form, draft, None), trail=[TRAIL]
    )


@page("connectors/<uuid:connector_id>/edit/", "connector_edit", action="edit_connectors")
def edit_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """Change settings; secrets left empty stay as they are."""
    connector = connector_or_404(request, connector_id)
    source = contract.sources().get(connector.connector_type)
    if source is None:
        raise Http404(f"The source {connector.connector_type} is not installed")
    form = _form(request, source, connector)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_connector(actor(request), connector, secrets=form.secrets(), config=form.config(), **_plain(form))
        except ConfigInvalid as error:
            form.show_problems(error.fields)
        except (ConnectorError, VaultError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The settings are saved")
            return redirect(f"{address_of(connector)}?tab=settings")
    context = {**header(request, connector), **_context(request, form, connector.pk, connector)}
    return render(
        request, "console/connectors/form.html", "Settings", context, trail=[TRAIL, (connector.name, address_of(connector))]
    )


@page("connectors/check/", "connector_check", action="edit_connectors", post=True)
def check_form(request: HttpRequest) -> HttpResponse:
    """Try what is typed in, before it is saved; secrets left empty are the saved ones."""
    source = contract.sources().get(request.POST.get("type", ""))
    key = _draft(request)
    if source is None or key is None:
        raise Http404
    saved = ConnectorConfig.objects.filter(pk=key).exists()
    connector = connector_or_404(request, key) if saved else None
    tenants = list(Tenant.objects.all()) if scope(request) is None else []
    form = ConnectorForm(source, request.POST, tenants=tenants, people=User.objects.none(), connector=connector)
    for name in ("name", "schedule", "schedule_mode", "freshness_target_minutes", "owner"):
        del form.fields[name]
    if not form.is_valid():
        return checked(request, list, {name: " ".join(problems) for name, problems in form.errors.items()})  # type: ignore[arg-type]

    def check() -> list[contract.Check]:
        kept = {} if connector is None else secrets_of(connector)
        tenant = connector.tenant if connector else _tenant_chosen(request, form)
        return services.check_config(source.key, form.config(), {**kept, **form.secrets()}, str(key), tenant)

    return checked(request, check)


@page("connectors/schedule/", "connector_schedule", action="view_connectors")
def say_schedule(request: HttpRequest) -> HttpResponse:
    """A cron expression in words, as it is typed."""
    expression = request.GET.get("schedule", "").strip()
    problem = schedule_problem(expression)
    return TemplateResponse(
        request, "console/connectors/schedule.html", {"problem": problem, "words": "" if problem else schedule_words(expression)}
    )


@page("connectors/upload/", "connector_upload", action="edit_connectors", post=True)
def upload_file(request: HttpRequest) -> HttpResponse:
    """Keep a file for the connector being edited; answers where it is. Files of drafts never saved go after a day."""
    key, file = _draft(request), request.FILES.get("file")
    if key is None:
        return JsonResponse({"error": "The form is too old; load the page again"}, status=400)
    if not isinstance(file, UploadedFile):
        return JsonResponse({"error": "No file came, or its name is empty or only dots: give it another name"}, status=400)
    if ConnectorConfig.objects.filter(pk=key).exists():
        connector_or_404(request, key)
    uploads.forget_abandoned()
    try:
        path = uploads.store_upload(key, file)
    except ConnectorError as error:
        return JsonResponse({"error": error.message}, status=413 if isinstance(error, uploads.UploadTooLarge) else 400)
    size = file.size or 0
    return JsonResponse({"path": str(path), "said": f"{path.name} is here ({size:,} {ngettext('byte', 'bytes', size)})"})


def _form(request: HttpRequest, source: type[contract.Source], connector: ConnectorConfig | None) -> ConnectorForm:
    tenants = list(Tenant.objects.all()) if scope(request) is None else [person(request).tenant]
    people = User.objects.filter(tenant__in=[connector.tenant] if connector else tenants, is_active=True).order_by("username")
    owner = {} if connector else {"owner": person(request).pk, "tenant": str(person(request).tenant_id)}
    data = request.POST if request.method == "POST" else None
    return ConnectorForm(source, data, tenants=tenants, people=people, connector=connector, initial=owner)


def _context(request: HttpRequest, form: ConnectorForm, key: UUID, connector: ConnectorConfig | None) -> dict[str, Any]:
    states = {row["field"].name: row for row in secret_states(connector)} if connector else {}
    secrets = [{**row, "state": states.get(row["name"])} for row in form.secret_fields()]
    return {
        "form": form,
        "editing": connector,
        "source": _said(form.source),
        "draft": signing.dumps({"id": str(key), "by": person(request).pk}, salt=SALT),
        "presets": PRESETS,
        "secrets": secrets,
        "secret_branches": sorted({branch for row in secrets for branch in row["branches"]})
        if all(row["branches"] for row in secrets)
        else [],
        "upload_url": UPLOAD_URL,
        "upload_limit": uploads.LARGEST_UPLOAD,
        "alternative": form["alternative"].value() if form.choices else "",
        "schedule_said": schedule_words(str(form["schedule"].value() or ""))
        if not schedule_problem(str(form["schedule"].value() or ""))
        else "",
    }


def _said(source: type[contract.Source]) -> dict[str, str]:
    """What a page says of a source (a template would call the class)."""
    return {"key": source.key, "label": source.label, "description": source.description}


def _draft(request: HttpRequest) -> UUID | None:
    """The connector's id that this person's form carries: signed, so nobody can name somebody else's."""
    try:
        claimed = signing.loads(request.POST.get("draft", ""), salt=SALT, max_age=uploads.FORGOTTEN_AFTER)
    except signing.BadSignature:
        return None
    return UUID(claimed["id"]) if claimed["by"] == person(request).pk else None


def _tenant_chosen(request: HttpRequest, form: ConnectorForm) -> Tenant:
    """The tenant of a new connector: the person's own, unless they may choose."""
    chosen = form.cleaned_data.get("tenant")
    return Tenant.objects.get(pk=chosen) if chosen and scope(request) is None else person(request).tenant


def _plain(form: ConnectorForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "schedule", "schedule_mode", "freshness_target_minutes", "owner")}
