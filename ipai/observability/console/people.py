"""Tenants, people and their roles, and the tokens of programs."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.models import ApiToken, Role, Tenant, User
from ipai.observability.console.listing import keyset
from ipai.observability.console.pages import NavItem, actor, page, person, render, scope

INPUT = {"class": "c-input"}
PEOPLE, TOKENS, TENANTS = ("People", "/admin/people/"), ("API tokens", "/admin/tokens/"), ("Tenants", "/admin/tenants/")
ROLES_HELP = "Without any role a person cannot open the console."


class PersonForm(forms.Form):
    """A person with their roles. The password may be left empty when one is set already."""

    username = forms.CharField(max_length=150, widget=forms.TextInput(INPUT | {"autocomplete": "off"}))
    email = forms.EmailField(required=False, widget=forms.EmailInput(INPUT))
    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple, help_text=ROLES_HELP
    )
    is_active = forms.BooleanField(required=False, initial=True, label="May log in")
    password = forms.CharField(required=False, strip=False, widget=forms.PasswordInput(INPUT | {"autocomplete": "new-password"}))

    def __init__(self, *args: Any, who: User | None = None, tenants: list[Tenant] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = "At least 8 characters." if who is None else "Empty: the password stays as it is."
        if who is None:
            self.fields["password"].required = True
            del self.fields["is_active"]
        else:
            self.fields["username"].disabled = True
        if tenants and len(tenants) > 1 and who is None:
            self.fields["tenant"] = forms.ChoiceField(
                choices=[(str(one.pk), one.name) for one in tenants], widget=forms.Select(INPUT)
            )


class TokenForm(forms.Form):
    """A program's token."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(INPUT), help_text="What will use it, e.g. nightly-export.")
    roles = forms.MultipleChoiceField(choices=Role.choices, widget=forms.CheckboxSelectMultiple)
    expires_at = forms.DateField(
        required=False, label="Expires on", widget=forms.DateInput(INPUT | {"type": "date"}), help_text="Empty: never."
    )

    def __init__(self, *args: Any, tenants: list[Tenant] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if tenants and len(tenants) > 1:
            self.fields["tenant"] = forms.ChoiceField(
                choices=[(str(one.pk), one.name) for one in tenants], widget=forms.Select(INPUT)
            )


class TenantForm(forms.Form):
    """A new organisation."""

    slug = forms.CharField(
        max_length=63, widget=forms.TextInput(INPUT), help_text="Lower-case letters, digits, - and _. It cannot be changed later."
    )
    name = forms.CharField(max_length=200, widget=forms.TextInput(INPUT))


@page("people/", "people", action="view_people", nav=NavItem("Platform", "People", "group", 1, "p"))
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with their roles."""
    found = User.objects.select_related("tenant").prefetch_related("groups")
    found = found if scope(request) is None else found.filter(tenant=scope(request))
    words = request.GET.get("q", "").strip()
    found = found.filter(username__icontains=words) if words else found
    listed = keyset(found, request, "username", "id")
    labels = dict(Role.choices)
    rows = [
        {"person": one, "roles": sorted(labels[group.name] for group in one.groups.all() if group.name in labels)}
        for one in listed.rows
    ]
    return render(request, "console/people.html", "People", {"slice": listed, "rows": rows})


@page("people/add/", "person_add", action="manage_people")
@sensitive_post_parameters("password")
def person_add(request: HttpRequest) -> HttpResponse:
    """A new person with a first password."""
    form = PersonForm(request.POST or None, tenants=_tenants(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = services.create_person(
                data["username"],
                actor_name=actor(request).name,
                roles=data["roles"],
                tenant=_tenant(request, data),
                password=data["password"],
                email=data["email"],
            )
        except AccessError as error:
            _show(form, error)
        else:
            messages.success(request, f"{made.username} can log in now")
            return redirect("admin:people")
    return render(
        request, "console/form.html", "Add a person", {"form": form, "save": "Add person", "back": PEOPLE[1]}, trail=[PEOPLE]
    )


@page("people/<int:person_id>/", "person", action="manage_people")
@sensitive_post_parameters("password")
def person_edit(request: HttpRequest, person_id: int) -> HttpResponse:
    """Roles, login and password of a person. Only a superuser changes a superuser."""
    who = User.objects.filter(**({} if scope(request) is None else {"tenant": scope(request)}), pk=person_id).first()
    if who is None:
        raise Http404("There is no such person")
    if who.is_superuser and not person(request).is_superuser:
        raise PermissionDenied("Only a superuser changes a superuser")
    held = list(who.groups.filter(name__in=Role.values).values_list("name", flat=True))
    form = PersonForm(
        request.POST or None,
        who=who,
        initial={"username": who.username, "email": who.email, "roles": held, "is_active": who.is_active},
    )
    if request.method == "POST" and form.is_valid() and _save_person(request, form, who):
        messages.success(request, f"{who.username} is saved")
        return redirect("admin:people")
    return render(request, "console/form.html", who.username, {"form": form, "save": "Save", "back": PEOPLE[1]}, trail=[PEOPLE])


def _save_person(request: HttpRequest, form: PersonForm, who: User) -> bool:
    data = form.cleaned_data
    if who.pk == person(request).pk and not data["is_active"]:
        form.add_error("is_active", "You cannot lock yourself out")
        return False
    given = {name: data[name] for name in ("roles", "email", "is_active", "password")}
    try:
        services.change_person(who, actor_name=actor(request).name, **given)
    except AccessError as error:
        _show(form, error)
        return False
    return True


@page("tokens/", "tokens", action="view_people", nav=NavItem("Platform", "API tokens", "vpn_key", 2, "k"))
def tokens(request: HttpRequest) -> HttpResponse:
    """Tokens of programs. A token just made is shown here, this once."""
    found = ApiToken.objects.select_related("tenant").order_by("-created_at")
    found = found if scope(request) is None else found.filter(tenant=scope(request))
    listed = keyset(found, request, "-created_at", "-id")
    rows = [{"token": one, "state": _state(one)} for one in listed.rows]
    return render(request, "console/tokens.html", "API tokens", {"slice": listed, "rows": rows, "roles": dict(Role.choices)})


@page("tokens/add/", "token_add", action="manage_people")
def token_add(request: HttpRequest) -> HttpResponse:
    """A new token; the answer to this POST is the only page that ever shows it."""
    form = TokenForm(request.POST or None, tenants=_tenants(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        day = data["expires_at"]
        until = None if day is None else datetime.combine(day, time.max, UTC)
        try:
            token, plain = services.create_token(
                tenant=_tenant(request, data),
                name=data["name"],
                roles=data["roles"],
                actor_name=actor(request).name,
                expires_at=until,
            )
        except AccessError as error:
            _show(form, error)
        else:
            return render(request, "console/token_made.html", "Token made", {"token": token, "plain": plain}, trail=[TOKENS])
    return render(
        request, "console/form.html", "Add an API token", {"form": form, "save": "Make token", "back": TOKENS[1]}, trail=[TOKENS]
    )


@page("tokens/<uuid:token_id>/revoke/", "token_revoke", action="manage_people", post=True)
def token_revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Make a token useless from now on."""
    token = ApiToken.objects.filter(**({} if scope(request) is None else {"tenant": scope(request)}), pk=token_id).first()
    if token is None:
        raise Http404("There is no such token")
    services.revoke_token(token, actor_name=actor(request).name)
    messages.success(request, f"{token.name} is revoked: requests with it are refused from now on")
    return redirect("admin:tokens")


@page("tenants/", "tenants", action="view_people", nav=NavItem("Platform", "Tenants", "domain", 3))
def tenants(request: HttpRequest) -> HttpResponse:
    """Organisations that share the portal and see nothing of each other."""
    own = scope(request)
    found = Tenant.objects.all() if own is None else Tenant.objects.filter(pk=own.pk)
    return render(
        request,
        "console/tenants.html",
        "Tenants",
        {"slice": keyset(found, request, "slug"), "may_add": person(request).is_superuser},
    )


@page("tenants/add/", "tenant_add", action="manage_people")
def tenant_add(request: HttpRequest) -> HttpResponse:
    """A new tenant: a superuser's business, since it is outside everybody's own."""
    if not person(request).is_superuser:
        raise PermissionDenied("Only a superuser adds tenants")
    form = TenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_tenant(form.cleaned_data["slug"], form.cleaned_data["name"], actor_name=actor(request).name)
        except AccessError as error:
            _show(form, error)
        else:
            messages.success(request, f"{made.name} is made; add its people next")
            return redirect("admin:tenants")
    return render(
        request, "console/form.html", "Add a tenant", {"form": form, "save": "Add tenant", "back": TENANTS[1]}, trail=[TENANTS]
    )


def _tenants(request: HttpRequest) -> list[Tenant]:
    return list(Tenant.objects.all()) if scope(request) is None else []


def _tenant(request: HttpRequest, data: dict[str, Any]) -> Tenant:
    chosen = data.get("tenant")
    return Tenant.objects.get(pk=chosen) if chosen and scope(request) is None else person(request).tenant


def _show(form: forms.Form, error: AccessError) -> None:
    for name, message in error.fields.items():
        form.add_error(name if name in form.fields else None, message)


def _state(token: ApiToken) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at < timezone.now() else "active"
