"""Writing the audit log: who did what to what. Call it inside the transaction that makes the change."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.http import HttpRequest

from ipai.access.models import Tenant
from ipai.observability.models import AuditLog
from ipai.vault.redaction import redact_data

ActorKind = Literal["person", "token", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. ``name`` is the user name, the token's name, or the part of the portal that acts by itself."""

    name: str
    ip: str | None = None
    user_agent: str = ""
    kind: ActorKind = "system"


NOBODY = "anonymous"
current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
"""The request being answered, for events of layers that know the actor's name alone."""


def actor_named(name: str) -> Actor:
    """Who acts by that name, with the address of the request that is being answered, if one is."""
    request = current_request.get()
    return Actor(name) if request is None else replace(actor_of(request), name=name)


def record(
    actor: Actor,
    event_type: str,
    entity_type: str,
    entity_id: str,
    action: str,
    details: Mapping[str, Any] | None = None,
    tenant: Tenant | None = None,
) -> AuditLog:
    """Append one event. ``details`` is plain JSON data; passwords in URLs and headers are cut out of it."""
    return AuditLog.objects.create(
        tenant=tenant,
        event_type=event_type,
        entity_type=entity_type,
        entity_id=entity_id[:200],
        actor=actor.name[:200],
        action=action,
        details=redact_data(dict(details or {})),
        ip_address=actor.ip,
        user_agent=actor.user_agent[:300],
    )


def actor_of(request: HttpRequest) -> Actor:
    """The person or program behind a request (Django's or REST framework's)."""
    user = request.user
    kind: ActorKind = "token" if getattr(request, "auth", None) else "person"
    return Actor(
        name=user.get_username() if user.is_authenticated else NOBODY,
        ip=_ip(request.META.get("REMOTE_ADDR", "")),
        user_agent=request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")[:300],
        kind=kind,
    )


def _ip(address: str) -> str | None:
    """A clean address; None where there is none (a Unix socket). Proxies are the web server's business."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
