"""The demo's vendors, answered in this process. Their addresses end in ``.invalid``, as no real one does."""

from __future__ import annotations

from functools import lru_cache

import httpx

ODOO = "https://odoo.demo.invalid"
GITHUB = "https://github.demo.invalid"


class DemoOdoo(httpx.BaseTransport):
    """Requests to :data:`ODOO` go to the fake server in ``connectors.demo.odoo``, which is made by the first of them."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """What the fake answers."""
        return _odoo().handle_request(request)


@lru_cache(maxsize=1)
def _odoo() -> httpx.WSGITransport:
    from connectors.demo.odoo import app

    return httpx.WSGITransport(app=app())


class DemoGitHub(httpx.BaseTransport):
    """Requests to :data:`GITHUB` go to the fake server in ``connectors.demo.github``, likewise."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """What the fake answers."""
        return _github().handle_request(request)


@lru_cache(maxsize=1)
def _github() -> httpx.WSGITransport:
    from connectors.demo.github import app

    return httpx.WSGITransport(app=app())


def mounts() -> dict[str, httpx.BaseTransport]:
    """Transports by address, for an httpx client."""
    return {ODOO: DemoOdoo(), GITHUB: DemoGitHub()}
