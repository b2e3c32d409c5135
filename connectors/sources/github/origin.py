"""Whose records are loaded: the server, and which of its repositories the config names.

The cursor keeps it as ``{"source": {"server": "https://api.github.com", "listed": [...]}, "anew": true while another server's
records are being read for the first time}``. A config is changed by a person: what it no longer names is marked as deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectors.contract import Client, Cursor, Key
from connectors.sources.github.api import GitHub
from connectors.sources.github.repositories import Directory

Origin = dict[str, Any]


def origin(github: GitHub, directory: Directory) -> Origin:
    """Where the records come from now."""
    listed = [directory.owner.lower(), sorted(map(str.lower, directory.names)), directory.archived, directory.forks]
    return {"server": github.api_url, "listed": listed}


def before(client: Client, since: Cursor | None, now: Origin) -> Origin:
    """Where they came from before; a cursor that does not say it was saved under this config."""
    known: Origin = (since or client.saved or {}).get("source", now)
    return known


def resumed(since: Cursor | None, was: Origin, now: Origin) -> dict[str, Any]:
    """The cursor to go on from: nothing of another server's, and no list of another config's."""
    if was["server"] != now["server"]:
        return {"source": now, "anew": True}
    kept = dict(since or {})
    if was != now:
        kept.pop("directory", None)
    return {**kept, "source": now}


def left_behind(client: Client, column: str, listed: Collection[int]) -> list[Key]:
    """The keys of the loaded rows whose repository, which ``column`` holds, is not among those that are ``listed``."""
    if client.loaded is None:
        return []
    gone = [(number,) for (number,) in client.loaded.totals([column], []) if number not in listed]
    return client.loaded.matching((column,), gone)


def without(states: Mapping[str, Any], listed: Collection[int]) -> dict[str, Any]:
    """The states of the repositories that are listed; another that comes back is read anew."""
    return {number: state for number, state in states.items() if int(number) in listed}
