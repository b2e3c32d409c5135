"""Every write to the vault, and the one function that reads a value.

What is encrypted is ``tenant id, name, value``: a ciphertext that somebody with access to the database moves to
another secret or tenant does not open there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from ipai.vault.errors import SecretInvalid, SecretMissing, SecretUnreadable
from ipai.vault.models import Secret
from ipai.vault.redaction import remember
from ipai.vault.signals import secret_changed

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}")
LONGEST_VALUE = 64 * 1024
"""Bytes of UTF-8: room for a certificate chain, not for files."""
USE_NOTED_EVERY = timedelta(seconds=60)


@sensitive_variables("value", "sealed")
def set_secret(tenant_id: UUID, name: str, value: str, actor_name: str, user: Any = None, description: str = "") -> Secret:
    """Store a value under a name, new or again. Raises SecretInvalid."""
    sealed = _seal(tenant_id, _checked_name(name), _checked_value(name, value))
    with transaction.atomic():
        secret, created = Secret.objects.select_for_update().get_or_create(
            tenant_id=tenant_id, name=name, defaults={"ciphertext": sealed, "set_by": user, "description": description[:300]}
        )
        if not created:
            secret.ciphertext, secret.set_at, secret.set_by = sealed, timezone.now(), user
            secret.description = description[:300] or secret.description
            secret.save(update_fields=["ciphertext", "set_at", "set_by", "description"])
        _tell("set", name, actor_name, tenant_id)
    return secret


@sensitive_variables()
def reveal(tenant_id: UUID, names: Sequence[str]) -> dict[str, str]:
    """The values by name, for a source about to use them. Raises SecretMissing or SecretUnreadable."""
    secrets = {secret.name: secret for secret in Secret.objects.filter(tenant_id=tenant_id, name__in=names)}
    missing = [name for name in names if name not in secrets]
    if missing:
        raise SecretMissing(f"There is no secret {', '.join(missing)}; set it again")
    values = {name: _open(secret) for name, secret in secrets.items()}
    remember(values.values())
    unnoted = Q(last_used_at=None) | Q(last_used_at__lt=timezone.now() - USE_NOTED_EVERY)
    Secret.objects.filter(unnoted, pk__in=[secret.pk for secret in secrets.values()]).update(last_used_at=Now())
    return values


def delete_secrets(tenant_id: UUID, names: Iterable[str], actor_name: str = "portal") -> int:
    """Delete these secrets; returns how many there were. Names that are not there are passed over."""
    with transaction.atomic():
        found = Secret.objects.select_for_update().filter(tenant_id=tenant_id, name__in=list(names))
        gone = [secret.name for secret in found]
        found.delete()
        for name in gone:
            _tell("deleted", name, actor_name, tenant_id)
    return len(gone)


def delete_secret(tenant_id: UUID, name: str, actor_name: str) -> None:
    """Delete one secret. Raises SecretMissing."""
    if not delete_secrets(tenant_id, [name], actor_name):
        raise SecretMissing(f"There is no secret {name}")


@sensitive_variables()
def rewrap_all(actor_name: str = "portal") -> int:
    """Encrypt every secret again under the newest key; returns how many. Then the older keys can be taken away.

    All or nothing: raises SecretUnreadable, and changes nothing, when a secret opens with none of the keys.
    """
    with transaction.atomic():
        secrets = list(Secret.objects.select_for_update().order_by("pk"))
        for secret in secrets:
            secret.ciphertext = _seal(secret.tenant_id, secret.name, _open(secret))
            secret.save(update_fields=["ciphertext"])
        if secrets:
            _tell("rewrapped", f"all {len(secrets)} secrets", actor_name, None)
    return len(secrets)


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.IPAI_VAULT_KEYS])


@sensitive_variables()
def _seal(tenant_id: UUID, name: str, value: str) -> bytes:
    return _cipher().encrypt(f"{tenant_id}\n{name}\n{value}".encode())


@sensitive_variables()
def _open(secret: Secret) -> str:
    try:
        text = _cipher().decrypt(bytes(secret.ciphertext)).decode()
    except InvalidToken:
        raise SecretUnreadable(
            f"No key in IPAI_VAULT_KEYS opens the secret {secret.name}; add the key it was stored with, or set it again"
        ) from None
    tenant_id, name, value = text.split("\n", 2)
    if (tenant_id, name) != (str(secret.tenant_id), secret.name):
        raise SecretUnreadable(f"What is stored as the secret {secret.name} belongs to another secret; set it again")
    return value


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SecretInvalid("A secret's name is letters, digits and _ . / - (200 at most), and starts with a letter or digit")
    return name


@sensitive_variables("value", "size")
def _checked_value(name: str, value: str) -> str:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise SecretInvalid(f"The value of {name} is not text that UTF-8 can hold") from None
    if not 0 < size <= LONGEST_VALUE:
        raise SecretInvalid(f"The value of {name} must have 1 to {LONGEST_VALUE} bytes, not {size}")
    return value


def _tell(action: str, name: str, actor_name: str, tenant_id: UUID | None) -> None:
    secret_changed.send(sender=Secret, action=action, name=name, actor_name=actor_name, tenant_id=tenant_id)
