"""What the pages share: reading under the viewer's rights, filters, and when the figures were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec

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


def number(request: HttpRequest, name: str) -> int | None:
    """A whole number of the address; None for anything else."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def kept(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters that choosing another repository leaves as they are."""
    return [(name, str(value)) for name, value in request.GET.items() if name not in ("repository", "workflow_id", "month")]


def choices(request: HttpRequest, name: str, values: list[str], everything: str = "") -> list[Chip]:
    """Chips for one parameter; ``everything`` lets go of it."""
    current = request.GET.get(name, "")
    chips = [Chip(value, value, None, value == current, address(request, **{name: value})) for value in values]
    return [Chip(everything, "", None, not current, address(request, **{name: None})), *chips] if everything else chips


def names(cursor: CursorWrapper) -> list[str]:
    """The repositories that the viewer sees."""
    return [row["repository"] for row in queries.REPOSITORIES.rows(cursor)]
