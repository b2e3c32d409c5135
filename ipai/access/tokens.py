"""API tokens: ``Authorization: Bearer ipai_...``, 256 random bits of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from ipai.access.models import ApiToken, Tenant

START = "ipai_"
SHAPE = re.compile(rf"{START}[A-Za-z0-9_-]{{43}}")
USE_NOTED_EVERY = timedelta(seconds=60)


def new_token() -> tuple[str, bytes, str]:
    """A new token's text, its SHA-256 and the beginning by which people recognise it."""
    plain = START + secrets.token_urlsafe(32)
    return plain, digest_of(plain), plain[: len(START) + 6]


def digest_of(plain: str) -> bytes:
    """What is stored. A plain hash is enough: the token is random, there is nothing to guess."""
    return hashlib.sha256(plain.encode()).digest()


def authenticate(plain: str) -> ApiToken | None:
    """The valid token with this text; None when it is unknown, revoked or expired.

    Looked up by hash: what an attacker can time says nothing about a token whose hash they cannot choose.
    """
    if not SHAPE.fullmatch(plain):
        return None
    digest = digest_of(plain)
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    token = ApiToken.objects.select_related("tenant").filter(alive, token_hash=digest, revoked_at=None).first()
    if token is None or not secrets.compare_digest(bytes(token.token_hash), digest):
        return None
    if token.last_used_at is None or token.last_used_at < timezone.now() - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=Now())
    return token


@dataclass(frozen=True, slots=True)
class TokenPrincipal:
    """A program: what ``request.user`` is for a request with a token. Bound to the token's tenant."""

    token: ApiToken
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    is_staff: bool = False
    is_superuser: bool = False

    @property
    def pk(self) -> UUID:
        """The token's id: what throttling counts by."""
        return self.token.pk

    @property
    def roles(self) -> frozenset[str]:
        """The token's roles."""
        return frozenset(self.token.roles)

    @property
    def tenant(self) -> Tenant:
        """The token's tenant."""
        return self.token.tenant

    def get_username(self) -> str:
        """The name in the audit log."""
        return f"token {self.token.name}"
