"""Secrets: what uses them, how old they are; set, rotate, delete. Never a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from ipai.access.models import Tenant
from ipai.observability.console.listing import keyset
from ipai.observability.console.pages import NavItem, actor, page, person, render, scope
from ipai.observability.models import AuditLog
from ipai.vault import services
from ipai.vault.errors import VaultError
from ipai.vault.models import Secret
from ipai.vault.queries import secrets_for

TRAIL = ("Secrets", "/admin/secrets/")
INPUT = {"class": "c-input"}


@dataclass(frozen=True, slots=True)
class Use:
    """Something that refers to a secret, and its page."""

    label: str
    url: str


Finder = Callable[[Iterable[Secret]], dict[Secret, list[Use]]]
finders: list[Finder] = []


def register_use(finder: Finder) -> None:
    """Tell this page what an app's things use. A secret that is used cannot be deleted."""
    finders.append(finder)


def uses_of(secrets: Iterable[Secret]) -> dict[Secret, list[Use]]:
    """Secret -> what uses it, from every app."""
    listed = list(secrets)
    found: dict[Secret, list[Use]] = {secret: [] for secret in listed}
    for finder in finders:
        for secret, uses in finder(listed).items():
            found[secret].extend(uses)
    return found


def set_by(secrets: Iterable[Secret]) -> dict[Secret, str]:
    """Secret -> who set its value last: the person, or the name that the audit log has; "" when it has none."""
    listed = list(secrets)
    events = AuditLog.objects.filter(entity_type="secret", action="set", entity_id__in=[secret.name for secret in listed])
    newest = events.order_by("tenant_id", "entity_id", "-id").distinct("tenant_id", "entity_id")
    named = {(event.tenant_id, event.entity_id): event.actor for event in newest}
    return {
        secret: secret.set_by.get_username() if secret.set_by else named.get((secret.tenant_id, secret.name), "")
        for secret in listed
    }


class SecretForm(forms.Form):
    """A name and a value that is written and never shown."""

    name = forms.CharField(
        max_length=200, widget=forms.TextInput(INPUT | {"spellcheck": "false"}), help_text="Letters, digits and _ . / -"
    )
    value = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(INPUT | {"autocomplete": "new-password"}),
        help_text="Stored encrypted. Nobody can read it here again.",
    )
    description = forms.CharField(required=False, max_length=300, widget=forms.TextInput(INPUT))

    def __init__(self, *args: Any, secret: Secret | None = None, tenants: list[Tenant] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if secret is not None:
            del self.fields["name"]
            self.fields["value"].label = "New value"
        elif tenants and len(tenants) > 1:
            choices = [(str(tenant.pk), tenant.name) for tenant in tenants]
            self.fields["tenant"] = forms.ChoiceField(choices=choices, widget=forms.Select(INPUT))


@page("secrets/", "secrets", action="view_secrets", nav=NavItem("Govern", "Secrets", "key", 1, "s"))
def secret_list(request: HttpRequest) -> HttpResponse:
    """Names, what uses them, age and last use."""
    found = secrets_for(scope(request))
    words = request.GET.get("q", "").strip()
    if words:
        found = found.filter(name__icontains=words)
    listed = keyset(found, request, "name", "id")
    context = {"slice": listed, "uses": uses_of(listed.rows), "set_by": set_by(listed.rows), "any": bool(listed.rows or words)}
    return render(request, "console/secrets.html", "Secrets", context)


@page("secrets/add/", "secret_add", action="edit_secrets")
@sensitive_post_parameters("value")
def secret_add(request: HttpRequest) -> HttpResponse:
    """A new secret. A name that exists is refused: rotating is done on that secret."""
    tenants = list(Tenant.objects.all()) if scope(request) is None else []
    form = SecretForm(request.POST or None, tenants=tenants)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data.get("tenant")
        tenant = Tenant.objects.get(pk=chosen) if chosen else person(request).tenant
        if secrets_for(tenant).filter(name=form.cleaned_data["name"]).exists():
            form.add_error("name", "There is a secret of this name; open it to set a new value")
        elif _store(request, form, tenant.pk, form.cleaned_data["name"]):
            return redirect("admin:secrets")
    return render(
        request, "console/form.html", "Add a secret", {"form": form, "save": "Store secret", "back": TRAIL[1]}, trail=[TRAIL]
    )


@page("secrets/<uuid:secret_id>/", "secret", action="edit_secrets")
@sensitive_post_parameters("value")
def secret_set(request: HttpRequest, secret_id: UUID) -> HttpResponse:
    """Set a new value under the same name."""
    secret = secret_or_404(request, secret_id)
    form = SecretForm(request.POST or None, secret=secret, initial={"description": secret.description})
    if request.method == "POST" and form.is_valid() and _store(request, form, secret.tenant_id, secret.name):
        return redirect("admin:secrets")
    context = {
        "form": form,
        "save": "Set new value",
        "back": TRAIL[1],
        "lead": "What uses this secret takes the new value with its next run.",
    }
    return render(request, "console/form.html", secret.name, context, trail=[TRAIL])


@page("secrets/<uuid:secret_id>/delete/", "secret_delete", action="delete_secrets", post=True)
def secret_delete(request: HttpRequest, secret_id: UUID) -> HttpResponse:
    """Delete a secret that nothing uses."""
    secret = secret_or_404(request, secret_id)
    uses = uses_of([secret])[secret]
    if uses:
        messages.error(request, f"{secret.name} is used by {', '.join(use.label for use in uses)}; give them another secret first")
    else:
        services.delete_secret(secret.tenant_id, secret.name, actor(request).name)
        messages.success(request, f"{secret.name} is deleted")
    return redirect("admin:secrets")


def secret_or_404(request: HttpRequest, secret_id: UUID) -> Secret:
    """The secret, if it is the person's tenant's."""
    found = secrets_for(scope(request)).filter(pk=secret_id).first()
    if found is None:
        raise Http404("There is no such secret")
    return found


def _store(request: HttpRequest, form: SecretForm, tenant_id: UUID, name: str) -> bool:
    try:
        services.set_secret(
            tenant_id, name, form.cleaned_data["value"], actor(request).name, person(request), form.cleaned_data["description"]
        )
    except VaultError as error:
        form.add_error("value", str(error))
        return False
    messages.success(request, f"{name} is stored")
    return True
