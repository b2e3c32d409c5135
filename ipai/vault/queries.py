"""Every read of the vault but the values (see ``services.reveal``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from ipai.vault.models import Secret


def secrets_for(tenant: Any) -> QuerySet[Secret]:
    """Names, ages and last use of a tenant's secrets (None: of all), without the ciphertext."""
    found = Secret.objects.select_related("set_by", "tenant").defer("ciphertext")
    return found if tenant is None else found.filter(tenant=tenant)


def stamps(tenant: Any, names: Iterable[str]) -> dict[str, Secret]:
    """When these secrets were set and last used, by name."""
    return {secret.name: secret for secret in secrets_for(tenant).filter(name__in=list(names))}
