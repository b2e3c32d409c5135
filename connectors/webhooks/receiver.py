"""``POST /webhooks/<source>/<connector>/``: check the signature, store, answer 202.

It stands before Django: sessions, CSRF, host names and a database connection per request are of no use to a delivery, and with them
one process would not keep up. Whether a connector exists is told to nobody who cannot sign for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets as random_secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar, TypeVar

import psycopg
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from connectors.webhook import Envelope, Unreadable
from connectors.webhooks.doors import ANEW_SECONDS, KEPT_SECONDS, Door, Doors, webhooks
from connectors.webhooks.metrics import RECEIVED, SECONDS
from connectors.webhooks.store import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)
PATH = re.compile(r"/webhooks/(?P<source>[a-z0-9_-]{1,60})/(?:(?P<connector>[A-Za-z0-9][A-Za-z0-9_.-]{0,99})/?)?")
LARGEST = 25 * 1024 * 1024
"""Bytes of a body, as GitHub sends them at most."""
MOST_HELD = 8 * LARGEST
"""Bytes of all bodies that are being received; more are asked to come again."""
HEAVY = 64 * 1024
"""Bodies beyond this are hashed and parsed in a thread, so that others are answered meanwhile."""
BODY_SECONDS = 15.0
"""How long a body may take: vendors give up after ten."""
UNSIGNED_SECONDS = 0.25
"""When who cannot sign is answered, however long the search took: the time tells nothing of connectors and their secrets."""
NOBODY = random_secrets.token_hex(32)
"""Stands for the secret where there is no connector, so that the answer takes equally long."""


class Refused(Exception):
    """The answer when a delivery is not stored; ``result`` is its name in the metrics."""

    def __init__(self, status: int, result: str, words: str, at: float = 0.0) -> None:
        super().__init__(words)
        self.status, self.result, self.words = status, result, words
        self.at = at
        """The moment of ``time.monotonic`` before which nothing is answered."""


class _Gone(Exception):
    """The sender hung up."""


class _Room:
    """What bodies take of the memory that all have together. Where it is full, the one that has been coming longest gives way:
    a body that is held back stops nobody."""

    held = 0
    coming: ClassVar[dict[_Room, asyncio.Timeout]] = {}
    """Bodies that are still being received, the oldest first."""

    def __init__(self) -> None:
        self.size = 0

    def __enter__(self) -> _Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """While the body comes in. Raises TimeoutError when it takes too long or has to give way."""
        async with asyncio.timeout(BODY_SECONDS) as patience:
            _Room.coming[self] = patience
            try:
                yield
            finally:
                _Room.coming.pop(self, None)

    def take(self, size: int) -> None:
        """Make room for more of the body. Raises Refused."""
        self.size += size
        _Room.held += size
        if self.size > LARGEST:
            raise too_large()
        while _Room.held > MOST_HELD:
            oldest = next((room for room in _Room.coming if room is not self), None)
            if oldest is None:
                raise Refused(503, "unavailable", "Too many large deliveries at once: send it again")
            _Room.coming.pop(oldest).reschedule(asyncio.get_running_loop().time())
            oldest._leave()

    def _leave(self) -> None:
        _Room.held -= self.size
        self.size = 0


def too_large() -> Refused:
    """A body beyond the limit."""
    return Refused(413, "too_large", f"A delivery has {LARGEST:,} bytes at most")


class Receiver:
    """The ASGI application: takes webhooks, hands everything else on."""

    def __init__(self, elsewhere: Application) -> None:
        self.elsewhere = elsewhere
        self.doors, self.store = Doors(), Store()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is None or match["source"] not in webhooks():
            await self.elsewhere(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            await self._take(scope, receive, (match["source"], match["connector"] or ""))
            status, result, words = 202, "stored", "stored"
        except Refused as refused:
            status, result, words = refused.status, refused.result, refused.words
            await asyncio.sleep(refused.at - time.monotonic())
        except _Gone:
            RECEIVED.labels(match["source"], "gone").inc()
            return
        RECEIVED.labels(match["source"], result).inc()
        if status == 202:
            SECONDS.observe(time.perf_counter() - began)
        await _answer(send, status, words)

    async def _take(self, scope: Scope, receive: Receive, key: tuple[str, str]) -> None:
        if scope["method"] != "POST":
            raise Refused(405, "method", "Deliveries are sent with POST")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            with _Room() as room:
                body = await self._body(headers, receive, room)
                door, envelope = await self._opened(key, headers, body)
                await self.store.put(door.connector_id, door.tenant_id, envelope)
        except TimeoutError:
            raise Refused(408, "slow", "The body did not arrive in time") from None
        except (psycopg.Error, DatabaseError, PoolTimeout) as error:
            log.warning("A delivery could not be stored: %s", type(error).__name__)
            raise Refused(503, "unavailable", "The delivery could not be stored: send it again") from None

    async def _body(self, headers: Mapping[str, str], receive: Receive, room: _Room) -> bytes:
        """The raw body. Too large ones are refused as soon as that is known."""
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > LARGEST:
            raise too_large()
        parts: list[bytes] = []
        more = True
        async with room.receiving():
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                part, more = message.get("body", b""), message.get("more_body", False)
                room.take(len(part))
                parts.append(part)
        return b"".join(parts)

    async def _opened(self, key: tuple[str, str], headers: Mapping[str, str], body: bytes) -> tuple[Door, Envelope]:
        """The one connector whose secret signed the body, and what the delivery is. Refused otherwise."""
        answer_at = time.monotonic() + UNSIGNED_SECONDS
        for max_age in (KEPT_SECONDS, ANEW_SECONDS):  # a secret that does not fit may be too new for what is remembered
            doors = await self.doors.at(key, max_age)
            found = await _aside(len(body), partial(_knock, key[0], doors, headers, body))
            if found:
                return found
        raise Refused(401, "unsigned", "The signature is missing or wrong", answer_at)

    async def close(self) -> None:
        """Let go of the database."""
        await self.store.close()
        self.doors.close()


def _knock(source: str, doors: tuple[Door, ...], headers: Mapping[str, str], body: bytes) -> tuple[Door, Envelope] | None:
    webhook = webhooks()[source]
    if not doors:
        webhook.signed(headers, body, NOBODY)
    # All secrets are tried whichever fits: the time taken tells nothing.
    open_doors = [door for door in doors if sum(webhook.signed(headers, body, secret) for secret in door.secrets)]
    if len(open_doors) != 1:  # a secret that two connectors of one name share names neither
        return None
    try:
        return open_doors[0], webhook.opened(headers, body)
    except Unreadable as error:
        raise Refused(error.status, "unreadable", str(error)) from None


async def _aside(size: int, work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work) if size > HEAVY else work()


async def _answer(send: Send, status: int, words: str) -> None:
    body = json.dumps({"status": words} if status < 300 else {"title": words, "status": status}).encode()
    kind = b"application/json" if status < 300 else b"application/problem+json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    headers += [(b"allow", b"POST")] if status == 405 else [(b"retry-after", b"30")] if status == 503 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
