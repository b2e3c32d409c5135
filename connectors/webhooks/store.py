"""The one INSERT per delivery, on connections that are kept. Writers of the same table: here and the sweep."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from psycopg_pool import AsyncConnectionPool

from connectors.webhook import Envelope

STORE = """
INSERT INTO ipai_bronze_devops.webhook_deliveries AS known
    (_connector_id, _tenant_id, delivery_id, event, action, repository_id, hook_id, payload, payload_bytes)
VALUES (%s, %s, %s, %s, %s, %s, %s, %b, %s)
ON CONFLICT (_connector_id, delivery_id) DO UPDATE SET
    receipts = known.receipts + 1,
    payload = CASE WHEN known.status = 'failed' THEN excluded.payload ELSE known.payload END,
    status = CASE WHEN known.status = 'failed' THEN 'pending' ELSE known.status END,
    attempts = CASE WHEN known.status = 'failed' THEN 0 ELSE known.attempts END,
    retry_at = CASE WHEN known.status = 'failed' THEN NULL ELSE known.retry_at END
"""
"""A delivery that was processed is only counted when it comes again; one that failed is tried again."""
CONNECTIONS = 4
PATIENCE = 8.0
"""Seconds to wait for a connection: vendors give up after ten."""


def parameters(connector_id: UUID, tenant_id: UUID, envelope: Envelope) -> list[Any]:
    """The parameters of :data:`STORE`."""
    named = [envelope.id, envelope.event, envelope.action, envelope.repository_id, envelope.hook_id]
    return [connector_id, tenant_id, *named, envelope.payload, len(envelope.payload)]


class Store:
    """Stores deliveries from the event loop. The connections are made with the first one."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None
        self._opening = asyncio.Lock()

    async def put(self, connector_id: UUID, tenant_id: UUID, envelope: Envelope) -> None:
        """Store and commit. Raises psycopg.Error when the database is away."""
        values = parameters(connector_id, tenant_id, envelope)
        pool = await self._open()
        try:
            async with pool.connection(PATIENCE) as link:
                await link.execute(STORE, values)
        except (psycopg.OperationalError, psycopg.InterfaceError):  # the server was started anew: once more on a new connection
            await pool.check()
            async with pool.connection(PATIENCE) as link:
                await link.execute(STORE, values)

    async def _open(self) -> AsyncConnectionPool[psycopg.AsyncConnection[Any]]:
        async with self._opening:
            if self._pool is None:
                given = connection.get_connection_params()
                kept = {name: value for name, value in given.items() if name not in ("context", "cursor_factory")}
                pool = AsyncConnectionPool(
                    kwargs=kept | {"autocommit": True},
                    min_size=1,
                    max_size=CONNECTIONS,
                    open=False,
                    timeout=PATIENCE,
                    name="webhooks",
                )
                await pool.open()
                self._pool = pool
        return self._pool

    async def close(self) -> None:
        """Close the connections."""
        if self._pool:
            await self._pool.close()
