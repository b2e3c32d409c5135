"""What the pages share: reading under the viewer's rights, filters, and when the figures were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, HttpResponse

from devops import queries
from ipai.access.sessions import claims_for, governed
from ipai.clock import now
from ipai.observability.console.listing import Chip, address
from ipai.observability.console.pages import person, render

STALE = timedelta(hours=24)
MONTHS_SHOWN = 12
P = ParamSpec("P")
Reader = Callable[Concatenate[HttpRequest, CursorWrapper, P], Mapping[str, Any]]
TABS = (
    ("devops", "Health"),
    ("devops_ci", "CI trends"),
    ("devops_deployments", "Deployments"),
    ("devops_dora", "DORA"),
    ("devops_specs", "Specifications"),
)


def shown(
    template: str, title: str, trail: bool = True
) -> Callable[[Reader[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """A page whose context is read in one governed session of the viewer."""

    def wrap(reader: Reader[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            with governed(claims_for(person(request))) as cursor:
                context = {"made": made(cursor), "tabs": TABS, "kept": kept(request), **reader(request, cursor, *args, **kwargs)}
            return render(request, template, title, context, trail=[("DevOps", "/devops/")] if trail else [])

        view.__name__, view.__doc__ = reader.__name__, reader.__doc__
        return view

    return wrap


def made(cursor: CursorWrapper) -> dict[str, Any] | None:
    """When the figures were made, whether that is too long ago, and of which repositories they are not current; None: none yet."""
    found = queries.newest_refresh(cursor)
    if not found:
        return None
    troubled = queries.troubles(cursor, now() - STALE)
    unread = [row for row in troubled if row["read_at"] is None or now() - row["read_at"] > STALE]
    failed = [row for row in troubled if row["failure"]]
    return found | {"stale": now() - found["as_of"] > STALE, "unread": unread, "failed": failed}


def given(request: HttpRequest, *names: str) -> dict[str, str]:
    """The parameters of the address that are filters."""
    return {name: request.GET[name] for name in names if request.GET.get(name)}


def whose(request: HttpRequest) -> dict[str, str]:
    """The repository and the connector that the address names; ``name@connector`` names both, as the list of repositories does."""
    name, _, of = request.GET.get("repository", "").partition("@")
    found = {"repository": name, "connector": _uuid(of) or _uuid(request.GET.get("connector", ""))}
    return {key: value for key, value in found.items() if value}


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        return ""


def number(request: HttpRequest, name: str) -> int | None:
    """A whole number of the address; None for anything else."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def kept(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters that choosing another repository leaves as they are."""
    return [
        (name, str(value)) for name, value in request.GET.items() if name not in ("repository", "connector", "workflow_id", "month")
    ]


def choices(request: HttpRequest, name: str, values: list[str], everything: str = "") -> list[Chip]:
    """Chips for one parameter; ``everything`` lets go of it."""
    current = request.GET.get(name, "")
    chips = [Chip(value, value, None, value == current, address(request, **{name: value})) for value in values]
    return [Chip(everything, "", None, not current, address(request, **{name: None})), *chips] if everything else chips


def options(request: HttpRequest, repositories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``{"value", "label", "chosen"}`` of each repository; one of several with a name goes with its connector."""
    chosen, found = whose(request), []
    times = Counter(row["repository"] for row in repositories)
    for row in repositories:
        name, of = row["repository"], str(row["connector_id"])
        single = times[name] == 1
        mine = chosen.get("repository") == name and (single or chosen.get("connector") == of)
        value, label = (name, name) if single else (f"{name}@{of}", f"{name} (connector {of[:8]})")
        found.append({"value": value, "label": label, "chosen": mine})
    return found
