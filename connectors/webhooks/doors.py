"""Which connectors an address stands for, and the secrets that open them: kept for seconds, so that a delivery costs no lookup."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils import timezone

from connectors import contract
from connectors.models import ConnectorConfig
from connectors.webhook import Webhook
from ipai.vault import services as vault
from ipai.vault.errors import VaultError
from ipai.vault.queries import stamps

Result = TypeVar("Result")
KEPT_SECONDS = 5.0
"""How long an old secret, name or connector may still open the door in this process."""
ANEW_SECONDS = 0.5
"""How old an answer must be to be asked for again because no secret fits: a secret that was just set works at once."""
MOST_KNOWN = 1_000
MOST_NAMESAKES = 20
PREVIOUS = "_previous"
PREVIOUS_FOR = timedelta(hours=24)
"""How long the secret before the last rotation is accepted."""


@dataclass(frozen=True, slots=True)
class Door:
    """A connector that takes webhooks, with its secrets, the newest first."""

    connector_id: UUID
    tenant_id: UUID
    webhook: Webhook
    secrets: tuple[str, ...]


@dataclass(slots=True)
class _Known:
    doors: tuple[Door, ...]
    at: float


class Doors:
    """Doors by ``(source key, connector)``. Each is looked up by one thread that keeps its database connection."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Task[tuple[Door, ...]]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook-doors")

    async def at(self, key: tuple[str, str], max_age: float = KEPT_SECONDS) -> tuple[Door, ...]:
        """The connectors at this address, at most so many seconds old; () when there is none."""
        known = self._known.get(key)
        if known and time.monotonic() - known.at <= max_age:
            return known.doors
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._look(key))
        return await asyncio.shield(task)

    async def _look(self, key: tuple[str, str]) -> tuple[Door, ...]:
        at = time.monotonic()
        try:
            doors = await asyncio.get_running_loop().run_in_executor(self._thread, lambda: with_connection(lambda: doors_at(*key)))
        finally:
            del self._asked[key]
        self._known[key] = _Known(doors, at)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return doors

    def close(self) -> None:
        """Forget all and close the thread's connection."""
        self._known.clear()
        self._thread.submit(lambda: connection.close()).result()  # that thread's connection
        self._thread.shutdown()


@cache
def webhooks() -> dict[str, Webhook]:
    """The webhooks of the installed sources, by source key."""
    return {key: source.webhook for key, source in contract.sources().items() if source.webhook is not None}


def doors_at(source_key: str, connector: str) -> tuple[Door, ...]:
    """The connectors of a source that this name or id stands for: names are unique in a tenant only, the signature decides."""
    if source_key not in webhooks():
        return ()
    found = ConnectorConfig.objects.select_related("tenant").filter(connector_type=source_key)
    if connector:
        wanted = as_uuid(connector)
        found = found.filter(name=connector) if wanted is None else found.filter(pk=wanted)
    doors = (door_of(one, webhooks()[source_key]) for one in found.order_by("created_at")[:MOST_NAMESAKES])
    return tuple(door for door in doors if door)


def door_of(connector: ConnectorConfig, webhook: Webhook) -> Door | None:
    """The door of one connector; None when it has no webhook secret, or one that cannot be read."""
    refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
    names = [refs[field] for field in (webhook.secret, webhook.secret + PREVIOUS) if field in refs]
    if webhook.secret not in refs:
        return None
    known = stamps(connector.tenant, names)
    since = timezone.now() - PREVIOUS_FOR
    valid = [name for name in names if name in known and (name == names[0] or known[name].set_at > since)]
    try:
        values = vault.reveal(connector.tenant.id, valid)
    except VaultError:
        return None
    return Door(connector.pk, connector.tenant.id, webhook, tuple(values[name] for name in valid)) if valid else None


def as_uuid(text: str) -> UUID | None:
    """The id in the text, None when it is a name."""
    try:
        return UUID(text)
    except ValueError:
        return None


def with_connection(work: Callable[[], Result]) -> Result:
    """Do it on this thread's kept connection; once more on a new one when that is gone."""
    try:
        return work()
    except DatabaseError:
        connection.close()
        return work()
