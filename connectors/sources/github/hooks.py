"""GitHub's own side of a webhook: the hook of an organisation or of repositories, and its record of deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from connectors.contract import Cursor, StopStream
from connectors.sources.github.api import API_VERSION, GitHub, Missing
from connectors.sources.github.events import READERS
from connectors.webhook import Envelope, Hook, Sent, Sweep

MOST_PAGES = 30
"""Pages of a hook's record that one sweep reads; GitHub remembers three days."""
OVERLAP = timedelta(minutes=10)
"""How far a sweep looks back behind the last one: deliveries show up late in the record."""
EVENTS = sorted(READERS)


def found(github: GitHub, config: Mapping[str, Any], paths: Sequence[str]) -> Iterator[Hook]:
    """The hooks whose address ends in one of these paths: the organisation's, else those of each repository that is loaded."""
    owner = config.get("owner")
    there = [] if config.get("repositories") or not owner else list(_listed(github, f"orgs/{owner}", paths))
    if there:
        yield from there
        return
    for name in _repositories(github, config):
        yield from _listed(github, f"repos/{name}", paths)


def install(github: GitHub, config: Mapping[str, Any], url: str, secret: str) -> list[Hook]:
    """Make the hook, or give the one with this address the new secret. Raises Missing where the token may not."""
    if config.get("owner") and not config.get("repositories"):
        try:
            return [_put(github, f"orgs/{config['owner']}", url, secret)]
        except Missing as error:
            if error.status != 404:
                raise
            github.client.log.info("%s has no hooks of an organisation: each repository gets one", config["owner"])
    places = [f"repos/{name}" for name in _repositories(github, config)]
    if not places:
        raise StopStream("There is no repository yet: run the connector once, then make the webhook")
    return [_put(github, place, url, secret) for place in places]


def sweep(github: GitHub, hook: Hook, state: Cursor | None) -> Sweep:
    """What GitHub sent since ``state``, which is ``{"newest": stamp, "etag"}``; an unchanged record costs nothing."""
    newest = state["newest"] if state else ""
    floor = _before(newest)
    sent: list[Sent] = []
    answer = github.get(f"{hook.handle}/deliveries?per_page=100", state["etag"] if state else None)
    if answer.unchanged:
        return Sweep([], state or {})
    reached, etag, oldest = newest, answer.etag, ""
    for _ in range(MOST_PAGES):
        for item in answer.items():
            oldest = item["delivered_at"]
            reached = max(reached, oldest)
            if oldest >= floor:
                sent.append(Sent(f"{hook.handle}/deliveries/{item['id']}", str(item["guid"])))
        if not answer.next or oldest < floor:
            break
        answer = github.get(answer.next)
    gap = f"GitHub's record of the webhook at {hook.place} does not reach back to {newest}" if newest and oldest > newest else ""
    return Sweep(sent, {"newest": reached, "etag": etag}, gap)


def sent(github: GitHub, one: Sent) -> Envelope:
    """A delivery with its payload, as GitHub remembers it."""
    item = github.get(one.handle).value
    payload = (item.get("request") or {}).get("payload") or {}
    return Envelope(
        id=str(item["guid"]),
        event=str(item["event"]),
        payload=msgspec.json.encode(payload),
        action=item.get("action"),
        repository_id=item.get("repository_id") or (payload.get("repository") or {}).get("id"),
        hook_id=int(one.handle.split("/hooks/")[1].split("/")[0]),
    )


def _repositories(github: GitHub, config: Mapping[str, Any]) -> list[str]:
    loaded = github.client.loaded
    names = [str(name) for name in config.get("repositories") or ()]
    if names or loaded is None:
        return names
    return sorted(
        str(name) for (name, archived) in loaded.values(("full_name", "archived"), loaded.keys(0, None)).values() if not archived
    )


def _listed(github: GitHub, place: str, paths: Sequence[str]) -> Iterator[Hook]:
    try:
        for item in github.pages(f"{place}/hooks?per_page=100"):
            url = str(item.get("config", {}).get("url") or "")
            if urlsplit(url).path.rstrip("/") in {path.rstrip("/") for path in paths}:
                yield Hook(f"{place}/hooks/{item['id']}", place.partition("/")[2], url, bool(item.get("active")))
    except Missing as error:  # not an organisation, or hooks that the token may not see
        github.client.log.info("Hooks of %s: %s", place, error)


def _put(github: GitHub, place: str, url: str, secret: str) -> Hook:
    """Make the hook or change it. One with this path at another host is another portal's and stays as it is."""
    settings = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
    body = {"active": True, "events": EVENTS, "config": settings}
    alike = _listed(github, place, [urlsplit(url).path])
    known = next((hook for hook in alike if _address(hook.url) == _address(url)), None)
    if known is None:
        made = _write(github, "POST", f"{place}/hooks", {"name": "web", **body})
        return Hook(f"{place}/hooks/{made['id']}", place.partition("/")[2], url)
    _write(github, "PATCH", known.handle, body)
    return Hook(known.handle, known.place, url)


def _address(url: str) -> tuple[str, str, str]:
    """What makes two addresses of webhooks the same: scheme, host with port, path."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower(), parts.path.rstrip("/")


def _write(github: GitHub, method: str, path: str, body: Mapping[str, Any]) -> Any:
    client = github.client
    headers = {
        "Authorization": f"Bearer {github.login.token(client, github.api_url)}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": API_VERSION,
    }
    try:
        response = client.http.request(method, f"{github.api_url}/{path}", json=body, headers=headers)
    except httpx.TransportError as error:
        raise StopStream(f"{github.api_url} cannot be reached: {str(error) or type(error).__name__}") from None
    if response.is_success:
        return response.json()
    if response.status_code in (401, 403, 404):
        right = "admin:org_hook" if path.startswith("orgs/") else "admin:repo_hook"
        raise Missing(
            response.status_code,
            f"GitHub does not let this login make webhooks at {path} (HTTP {response.status_code}): give it {right}"
            " (fine-grained: Webhooks, read and write), or make the webhook by hand",
        )
    said = msgspec.json.decode(response.content).get("message", "") if "json" in response.headers.get("content-type", "") else ""
    raise StopStream(f"GitHub refused the webhook at {path} (HTTP {response.status_code} {said})")


def _before(stamp: str) -> str:
    if not stamp:
        return stamp
    return (datetime.fromisoformat(stamp) - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
