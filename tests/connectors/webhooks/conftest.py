"""A portal that takes webhooks over HTTP, and payloads of a made-up organisation."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from connectors import services
from connectors.webhooks.receiver import Receiver

SECRET = "the-octopus-knows"


class Portal:
    """A running web server with this test's database."""

    def __init__(self) -> None:
        from django.core.asgi import get_asgi_application

        self.receiver = Receiver(get_asgi_application())
        config = uvicorn.Config(self.receiver, port=0, lifespan="off", log_config=None)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _run(self) -> None:
        async def serve() -> None:
            await self.server.serve()
            await self.receiver.close()

        asyncio.run(serve())

    def stop(self) -> None:
        """End it and let go of the database."""
        self.server.should_exit = True
        self.thread.join(20)

    def post(self, body: bytes | dict[str, Any], event: str = "issues", *, to: str = "gh", **more: Any) -> httpx.Response:
        """Send a signed delivery."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.url}/webhooks/github/{to}/", content=raw, headers=headers(raw, event, **more), timeout=30)


def headers(
    raw: bytes,
    event: str = "issues",
    *,
    guid: str = "",
    secret: str = SECRET,
    kind: str = "application/json",
    signature: str | None = None,
) -> dict[str, str]:
    """What GitHub sends along."""
    signed = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "292430182",
        "X-Hub-Signature-256": f"sha256={signed}" if signature is None else signature,
    }


@pytest.fixture
def portal(transactional_db: None, files: Any) -> Iterator[Portal]:
    """The portal under test."""
    running = Portal()
    yield running
    running.stop()


@pytest.fixture
def connector(tenant: Any, actor: Any, files: Any) -> Any:
    """A connector of the organisation acme with a webhook secret."""
    return services.create_connector(
        actor=actor,
        tenant=tenant,
        name="gh",
        connector_type="github",
        config={"owner": "acme"},
        secrets={"token": "token-of-acme", "webhook_secret": SECRET},
    )
