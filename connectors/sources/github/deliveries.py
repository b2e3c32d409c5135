"""GitHub's deliveries as they come in: signature and envelope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from connectors.webhook import Envelope, Unreadable, hmac_equals

_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


class _Outline(msgspec.Struct):
    """As much of a payload as is looked at when it comes in; the rest is only checked to be JSON."""

    action: Any = None
    repository: Any = None


_outline = msgspec.json.Decoder(_Outline)


def signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether ``X-Hub-Signature-256`` is the HMAC-SHA256 of the raw body."""
    name, _, given = headers.get("x-hub-signature-256", "").partition("=")
    return hmac_equals("sha256", secret, body, given) and name == "sha256"


def opened(headers: Mapping[str, str], body: bytes) -> Envelope:
    """The delivery in a signed body, sent as JSON or as a form with one field ``payload``. Raises Unreadable."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        body = _form_payload(body)
    elif kind != "application/json":
        raise Unreadable("Set the webhook's content type to application/json", 415)
    try:
        body.decode()
        outline = _outline.decode(body)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        raise Unreadable("The body is not a JSON object") from None
    if isinstance(outline.action, str) and "\x00" in outline.action:
        raise Unreadable("The action holds the character U+0000")
    repository = outline.repository if isinstance(outline.repository, dict) else {}
    return Envelope(
        id=_token(headers, "x-github-delivery"),
        event=_token(headers, "x-github-event"),
        payload=body,
        action=outline.action if isinstance(outline.action, str) else None,
        repository_id=_bigint(repository.get("id")),
        hook_id=_bigint(headers.get("x-github-hook-id")),
    )


def _form_payload(body: bytes) -> bytes:
    try:
        found = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=10).get("payload", [])
    except ValueError:
        found = []
    if len(found) != 1:
        raise Unreadable("The form has no field payload")
    return found[0].encode()


def _token(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not _TOKEN.fullmatch(value):
        raise Unreadable(f"The header {name} is missing")
    return value


def _bigint(value: Any) -> int | None:
    """An id that PostgreSQL's bigint holds; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
