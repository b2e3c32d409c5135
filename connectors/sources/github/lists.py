"""How GitHub's lists are read so that nothing is missed, an interrupted read goes on, and no change costs no rate limit.

A reader yields what it finds, with the state that is reached once that is loaded. Its state is JSON. Every address that
is asked again later stays the same while nothing changes, and its ETag is kept: GitHub answers 304, which is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from connectors.sources.github.api import Answer, GitHub

State = dict[str, Any]
Items = list[dict[str, Any]]
OVERLAP = timedelta(minutes=10)
"""How far behind the newest stamp a look for changes begins: GitHub's servers do not all see a change at once."""
ROUNDS = 5
"""Times that a list of numbered pages is read at most until it holds still."""


@dataclass(frozen=True, slots=True)
class Found:
    """Objects of a list. ``floor``: those below this stamp were found before, unchanged; None: all may be new."""

    items: Items
    state: State
    floor: str | None = None


@dataclass(frozen=True, slots=True)
class List:
    """A list of one repository. ``wrap`` names the array where it is inside an object."""

    path: str
    page_size: int = 100
    wrap: str | None = None

    def url(self, *parameters: str) -> str:
        """The address with these parameters."""
        return f"{self.path}?{'&'.join([*(part for part in parameters if part), f'per_page={self.page_size}'])}"

    def get(self, github: GitHub, url: str, etag: str | None = None) -> tuple[Answer, Items]:
        """The answer and its objects."""
        answer = github.get(url, etag)
        return answer, [] if answer.unchanged else answer.items(self.wrap)


def by_update(github: GitHub, source: List, state: State, since: str | None) -> Iterator[Found]:
    """A list that can be ordered by creation and by update: issues, pull requests.

    First everything in order of creation, from the last page to the first: what is added comes behind, and a deletion moves what
    follows to pages that are still to be read. Then by update, newest first, down to what is known. What is updated meanwhile
    moves to the front, where the next look finds it. ``{"newest": stamp, "etag": ..., "scan": next page, "page": its number}``
    """
    head = source.url("state=all", "sort=updated", "direction=desc")
    if "newest" not in state:
        if since:
            state = {"newest": since}
        else:
            _, items = source.get(github, head)
            state = {"newest": _newest(items), "scan": source.url(*_CREATED)}
    while state.get("scan"):
        answer, items = source.get(github, state["scan"])
        if answer.last and "page" not in state:
            state = {**state, **_page(source, int(parse_qs(urlsplit(answer.last).query)["page"][0]))}
            continue
        state = {**state, **(_page(source, state["page"] - 1) if "page" in state else {"scan": answer.next})}
        yield Found(items, state)
    floor = before(state["newest"], OVERLAP)
    first, items = source.get(github, head, state.get("etag"))
    if first.unchanged:
        return
    newest, following = max(state["newest"], _newest(items)), first.next
    yield Found(items, state, floor)
    while following and items and items[-1]["updated_at"] >= floor:
        answer, items = source.get(github, following)
        following = answer.next
        yield Found(items, state, floor)
    yield Found([], {"newest": newest, "etag": first.etag})


_CREATED = ("state=all", "sort=created", "direction=asc")


def _page(source: List, number: int) -> State:
    """The page of the scan that is next; there is none before the first."""
    return {"scan": source.url(*_CREATED, f"page={number}") if number else None, "page": number}


def by_creation(github: GitHub, source: List, state: State, since: str | None, settles: timedelta) -> Iterator[Found]:
    """A list that is newest first and can be cut by time of creation: workflow runs.

    Time is cut into slices of one page each, which are cut again where they hold more; so no list is longer than the 1,000
    results that GitHub gives, and no page shifts. Slices that reach back less than ``settles`` from the newest stamp are asked
    again each time: what is in them may still change (a run that ends, or is run again).
    ``{"slices": [[from, to, etag], ...], "newest": stamp}``, newest first; ``to`` None: until now.
    """
    todo: list[Slice] = [(low, high, etag) for low, high, etag in state.get("slices") or [(since, None, None)]]
    done: list[Slice] = []
    floor = before(state["newest"], OVERLAP) if "newest" in state else None
    newest = None
    horizon = ""
    while todo:
        low, high, etag = todo.pop(0)
        answer, items = source.get(github, _address(source, low, high), etag)
        if newest is None:
            newest = max(state.get("newest", ""), _newest(items))
            horizon = before(newest, settles)
        if answer.next:
            todo = [*_cut(github, source, (low, high), answer, items, horizon), *todo]
        else:
            done.append((low, high, answer.etag))
        if items:
            yield Found(items, {**state, "slices": [*done, *todo]}, floor)
    kept = [one for one in done if one[1] is None or one[1] >= horizon]
    yield Found([], {"slices": kept, "newest": newest})


Slice = tuple[str | None, str | None, str | None]
"""From, to, ETag."""


def _address(source: List, low: str | None, high: str | None) -> str:
    if low and high:
        created = f"{low}..{high}"
    else:
        created = f">={low}" if low else f"<={high}" if high else ""
    return source.url("exclude_pull_requests=true", f"created={quote(created)}" if created else "")


def _cut(
    github: GitHub, source: List, ends: tuple[str | None, str | None], answer: Answer, items: Items, horizon: str
) -> list[Slice]:
    """What to ask instead of a slice that holds more than a page; its first page is known, but not kept by an ETag of its own.

    ``items`` grows where one second holds more than a page: only there are pages counted.
    """
    low, high = ends
    latest, last = max(_created(items)), min(_created(items))
    cut: list[Slice] = [(latest, None, None)] if high is None else []
    later = [stamp for stamp in _created(items) if stamp > last]
    if not later:
        while answer.next and last == latest:
            answer, more = source.get(github, answer.next)
            items += more
            last = min(_created(items))
        if last == latest:
            return cut if low is None else [*cut, (low, before(latest, timedelta(seconds=1)), None)]
    elif latest >= horizon:
        cut.append((min(later), high or latest, None))
    return [*cut, (low, last, None)]


def by_page(
    github: GitHub,
    source: List,
    state: State,
    settles: timedelta | None = None,
    since: str | None = None,
    whole: bool = False,
) -> Iterator[Found]:
    """A list of numbered pages, newest first, or short: deployments, releases, workflows.

    All pages (down to ``since``) are asked each time; with ``settles``, once they were read, only those that reach back less
    than that from the newest stamp. A list of several pages is read again until it holds still: what is added or deleted
    meanwhile moves everything behind it by one.
    ``whole``: nothing when nothing changed, else everything, so that what is not found is gone.
    ``{"pages": [[etag, is there more, oldest], ...], "newest": stamp, "complete": true}``
    """
    floor = before(state["newest"], OVERLAP) if state.get("newest") else None
    if whole and state.get("complete"):
        if _stands(github, source, state["pages"]):
            return
        state = {**state, "pages": []}
    for number in range(ROUNDS):
        changed = False
        pages: list[list[Any]] = []
        known, end = state.get("pages", []), since
        while True:
            position = len(pages)
            etag, more, oldest = known[position] if position < len(known) else (None, False, "")
            answer, items = source.get(github, source.url(f"page={position + 1}"), etag)
            if not answer.unchanged:
                changed = True
                more, oldest = bool(answer.next), min(_created(items), default="")
                if position == number == 0:
                    state = {**state, "newest": max(state.get("newest", ""), _newest(items))}
            if settles and state.get("complete"):
                end = before(state.get("newest", ""), settles)
            pages.append([answer.etag, more, oldest])
            if items:
                yield Found(items, {**state, "pages": [*pages, *known[len(pages) :]]}, floor)
            if not more or (end and oldest < end):
                break
        state = {**state, "pages": pages, "complete": True}
        if not changed or len(pages) == 1:
            break
    if settles:
        end = before(state.get("newest", ""), settles)
        kept = [page for earlier, page in zip([None, *pages], pages, strict=False) if not earlier or earlier[2] >= end]
        state = {**state, "pages": kept}
    yield Found([], state)


def _stands(github: GitHub, source: List, pages: list[list[Any]]) -> bool:
    """Whether all pages are as they were."""
    return all(github.get(source.url(f"page={number}"), page[0]).unchanged for number, page in enumerate(pages, 1))


def before(stamp: str, by: timedelta) -> str:
    """A stamp that much earlier, in GitHub's form. An empty one stays so."""
    if not stamp:
        return stamp
    return iso(datetime.fromisoformat(stamp) - by)


def iso(moment: datetime) -> str:
    """A moment as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _newest(items: Items) -> str:
    return max((item.get("updated_at") or "" for item in items), default="")


def _created(items: Items) -> list[str]:
    return [item["created_at"] or "" for item in items]
