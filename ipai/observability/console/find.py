"""The search box on top: pages and tables here, and what other apps register."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from ipai.lakehouse import queries as lakehouse
from ipai.observability.console.pages import allowed, pages, scope

MOST = 6


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that the words match."""

    title: str
    kind: str
    url: str


Finder = Callable[[HttpRequest, str], Iterable[Found]]
finders: list[Finder] = []


def register(finder: Finder) -> None:
    """Add an app's things to the search. The finder checks the person's rights itself."""
    finders.append(finder)


def find(request: HttpRequest) -> HttpResponse:
    """A fragment with what was found; each kind a few."""
    words = request.GET.get("q", "").replace("\x00", "").strip()
    found: list[Found] = []
    if words:
        for finder in [*finders, _tables, _pages]:
            found.extend(list(finder(request, words))[:MOST])
    return TemplateResponse(request, "console/found.html", {"words": words, "found": found})


def _pages(request: HttpRequest, words: str) -> Iterable[Found]:
    for registered in pages:
        if registered.nav and words.lower() in registered.nav.title.lower() and allowed(request, registered.action):
            yield Found(registered.nav.title, "page", registered.address)


def _tables(request: HttpRequest, words: str) -> Iterable[Found]:
    if not allowed(request, "view_catalog"):
        return
    tenant = scope(request)
    for table in lakehouse.tables(search=words, tenant_id=None if tenant is None else tenant.pk)[:MOST]:
        url = reverse("admin:catalog_table", args=[table["schema"], table["name"]])
        yield Found(f"{table['schema']}.{table['name']}", table["kind"], url)
