"""Writes audit events for the layers below, which know nothing of the audit log."""

from __future__ import annotations

from typing import Any

from ipai.access.models import Tenant
from ipai.access.signals import access_changed
from ipai.observability import audit
from ipai.observability.audit import actor_named
from ipai.vault.signals import secret_changed


def connect() -> None:
    """Called once, when the app is ready."""
    access_changed.connect(record_access, dispatch_uid="audit access")
    secret_changed.connect(record_secret, dispatch_uid="audit secrets")


def record_access(
    *, entity_type: str, entity_id: str, action: str, details: dict[str, Any], actor_name: str, tenant: Tenant | None, **_: Any
) -> None:
    """A tenant, person or token was made or changed."""
    audit.record(actor_named(actor_name), "access", entity_type, entity_id, action, details, tenant)


def record_secret(*, action: str, name: str, actor_name: str, tenant_id: Any, **_: Any) -> None:
    """A secret was set, deleted or encrypted anew; its value is not here to be leaked."""
    tenant = Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None
    audit.record(actor_named(actor_name), "secret", "secret", name, action, {}, tenant)
