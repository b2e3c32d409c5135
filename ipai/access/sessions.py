"""Governed sessions: reading the lakehouse with the caller's rights, decided by the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

READER = "ipai_user"
TIMEOUT_MS = 15_000

# One statement, local to the transaction: a transaction pooler may stand between us and the server.
BECOME = """
SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true),
       set_config('statement_timeout', %s, true), set_config('transaction_read_only', 'on', true)
"""
_inside: ContextVar[bool] = ContextVar("governed", default=False)


class AlreadyGoverned(RuntimeError):
    """A governed session inside another: a mistake in the code, the inner one would run with the outer's end."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who asks: ``sub`` names the caller, ``tenant`` is a slug, ``roles`` are names of :class:`ipai.access.models.Role`."""

    sub: str
    tenant: str
    roles: tuple[str, ...] = ()

    def as_json(self) -> str:
        """The claims in the shape of a Supabase access token, which is what the policies read."""
        app_metadata = {"tenant": self.tenant, "ipai_roles": list(self.roles)}
        return json.dumps({"sub": self.sub, "role": READER, "app_metadata": app_metadata})


def claims_for(principal: Any) -> Claims:
    """The claims of a person or of a program's token; without roles for somebody who is switched off."""
    roles = tuple(sorted(principal.roles)) if getattr(principal, "is_active", True) else ()
    return Claims(sub=principal.get_username(), tenant=principal.tenant.slug, roles=roles)


@contextmanager
def governed(claims: Claims) -> Iterator[CursorWrapper]:
    """A cursor that reads what the claims allow: role ipai_user, read only, 15 s a statement.

    The transaction is rolled back at its end, also when all went well: nothing is ever written in it, and the role, the
    claims and the limits go with it, even inside a transaction of the caller. Raises AlreadyGoverned when nested.
    """
    if _inside.get():
        raise AlreadyGoverned("a governed session is open already")
    token = _inside.set(True)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(BECOME, [READER, claims.as_json(), str(TIMEOUT_MS)])
                yield cursor
            transaction.set_rollback(True)
    finally:
        _inside.reset(token)
