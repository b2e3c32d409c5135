"""The way from a row to its record at the vendor: apps that load rows register who knows it, the pages that show rows ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class RecordLink:
    """Where a person sees the record: ``vendor`` names the system, ``said`` the link for people who do not see it."""

    url: str
    vendor: str
    said: str


Linker = Callable[[str, Sequence[Mapping[str, Any]]], Sequence[RecordLink | None]]
"""For rows of ``schema.table`` (column -> value) their links, in the same order."""
linkers: list[Linker] = []


def register(linker: Linker) -> None:
    """Add an app's links; ``admin.py`` of an app calls this."""
    linkers.append(linker)


def links(target: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[RecordLink | None]:
    """The link of each row of ``target``, None where nobody knows one that leads to a web page."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    found: list[RecordLink | None] = [None] * len(rows)
    for linker in linkers:
        found = [have or _safe(link) for have, link in zip(found, linker(target, named), strict=True)]
    return found


def is_web_address(url: str) -> bool:
    """Whether a browser that follows it opens a page of a server and nothing else (no ``javascript:``, no ``data:``)."""
    if any(character <= " " or character == "\x7f" for character in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _safe(link: RecordLink | None) -> RecordLink | None:
    return link if link and is_web_address(link.url) else None
