"""How a page joins the console: one decorator names its address, the right it needs and its place in the sidebar.

An app registers its pages from ``admin.py`` (Django's autodiscovery imports it), so no app knows another's pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from ipai.access.models import Tenant, User
from ipai.access.permissions import may
from ipai.observability.audit import Actor

View = Callable[..., HttpResponseBase]
Trail = Sequence[tuple[str, str]]
"""Where a page is: ``(title, address)`` from the outside in, without the page itself."""

GROUPS = ("Operate", "Finance", "Deliver", "Data", "Govern", "Platform")


@dataclass(frozen=True, slots=True)
class NavItem:
    """A line of the sidebar. ``keys`` is typed after ``g`` to go there."""

    group: str
    title: str
    icon: str
    order: int = 0
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A page as registered: its pattern, the right it needs, its sidebar line if it has one."""

    pattern: URLPattern
    name: str
    action: str
    nav: NavItem | None
    top: bool = False

    @property
    def address(self) -> str:
        """Where it is; only for pages whose route takes no argument."""
        return reverse(self.name if self.top else f"admin:{self.name}")


pages: list[Registered] = []


def page(
    route: str, name: str, *, action: str, post: bool = False, nav: NavItem | None = None, top: bool = False
) -> Callable[[View], View]:
    """Register a view under ``/admin/<route>`` as ``admin:<name>``, for people who may do ``action``.

    ``top``: under ``/<route>`` as ``<name>``, for a command centre of its own.
    ``post``: the view changes something, so it answers POST alone. A person without the right gets 403.
    """

    def register(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not allowed(request, action):
                raise PermissionDenied(f"Your roles do not include: {action.replace('_', ' ')}")
            if any("\x00" in str(value) for value in (*kwargs.values(), *request.GET.keys(), *request.GET.values())):
                raise Http404("No address holds a NUL character")
            return view(request, *args, **kwargs)

        limited = require_http_methods(["POST"] if post else ["GET", "HEAD", "POST"])(guarded)
        pages.append(Registered(path(route, admin.site.admin_view(limited), name=name), name, action, nav, top))
        return view

    return register


def urls(*, top: bool = False) -> list[URLPattern]:
    """The registered pages: those that the admin site mounts before its own, or those on top."""
    return [registered.pattern for registered in pages if registered.top is top]


def person(request: HttpRequest) -> User:
    """Who is logged in (console pages are for staff only, so there is one)."""
    return cast(User, request.user)


def actor(request: HttpRequest) -> Actor:
    """Who does it, for the audit log."""
    return cast(Actor, request.actor)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person's roles, read once for a request: a page asks many times what they may do."""

    roles: frozenset[str]
    is_authenticated: bool
    is_active: bool


def allowed(request: HttpRequest, action: str) -> bool:
    """Whether the person's roles include the action."""
    viewer = getattr(request, "console_viewer", None)
    if viewer is None:
        user = request.user
        viewer = Viewer(getattr(user, "roles", frozenset()), user.is_authenticated, user.is_active)
        request.console_viewer = viewer  # type: ignore[attr-defined]
    return may(viewer, action)


def scope(request: HttpRequest) -> Tenant | None:
    """The tenant whose rows the person sees; None (a superuser): all."""
    user = person(request)
    return None if user.is_superuser else user.tenant


def many_tenants() -> bool:
    """Whether tenants need showing: a portal with one never mentions it."""
    return bool(Tenant.objects.all()[1:2].exists())


def render(
    request: HttpRequest, template: str, title: str, context: Mapping[str, Any], *, trail: Trail = (), status: int = 200
) -> HttpResponse:
    """A console page: the site's shell around ``template``."""
    request.current_app = admin.site.name
    return TemplateResponse(
        request,
        template,
        {**admin.site.each_context(request), "title": title, "trail": list(trail), "tenants_shown": many_tenants(), **context},
        status=status,
    )


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for this person (unfold's SIDEBAR.navigation)."""
    home = {
        "title": "Dashboard",
        "icon": "monitoring",
        "link": reverse("admin:index"),
        "active": request.path == reverse("admin:index"),
    }
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for group in GROUPS:
        found = sorted(
            (item for item in pages if item.nav and item.nav.group == group), key=lambda item: item.nav.order if item.nav else 0
        )
        items = [_nav_line(request, item) for item in found if allowed(request, item.action)]
        if items:
            groups.append({"title": group, "separator": True, "items": items})
    return groups


def shortcuts(request: HttpRequest) -> list[dict[str, str]]:
    """Keys that go to a page this person may open: ``{"keys": "c", "title": ..., "url": ...}``."""
    known = [item for item in pages if item.nav and item.nav.keys and allowed(request, item.action)]
    found = [{"keys": item.nav.keys, "title": item.nav.title, "url": item.address} for item in known if item.nav]
    return [{"keys": "h", "title": "Dashboard", "url": reverse("admin:index")}, *found]


def each_page(request: HttpRequest) -> dict[str, Any]:
    """Context of every admin page (unfold's GLOBAL_CALLBACK)."""
    if not admin.site.has_permission(request):
        return {}
    return {"shortcuts": shortcuts(request)}


def _nav_line(request: HttpRequest, item: Registered) -> dict[str, Any]:
    assert item.nav is not None
    link = item.address
    longer = any(other.address.startswith(link) for other in pages if other.nav is not None and other is not item)
    active = request.path == link if longer else request.path.startswith(link)
    return {"title": item.nav.title, "icon": item.nav.icon, "link": link, "active": active}
