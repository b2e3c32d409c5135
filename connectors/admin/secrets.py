"""Which connectors use a secret, told to the page of secrets."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from connectors.models import ConnectorConfig
from ipai.observability.console import secrets as page
from ipai.vault.models import Secret


def used_by(secrets: Iterable[Secret]) -> dict[Secret, list[page.Use]]:
    """Secret -> the connectors that refer to it."""
    wanted: dict[tuple[UUID | None, str], Secret] = {(secret.tenant_id, secret.name): secret for secret in secrets}
    found: dict[Secret, list[page.Use]] = {}
    tenants = {tenant for tenant, _ in wanted}
    for connector in ConnectorConfig.objects.filter(tenant__in=tenants).exclude(vault_secret_refs=[]).order_by("name"):
        for ref in connector.vault_secret_refs:
            secret = wanted.get((connector.tenant_id, ref.partition("=")[2]))
            if secret is not None:
                found.setdefault(secret, []).append(page.Use(connector.name, reverse("admin:connector", args=[connector.pk])))
    return found


page.register_use(used_by)
