"""GitHub's side of webhooks, as far as the portal uses it: hooks and their record of deliveries."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "token-of-acme"


class FakeGitHub:
    """An organisation acme with the repository shop. ``has_org_hooks``: the token may make hooks of the organisation."""

    def __init__(self) -> None:
        self.hooks: dict[str, list[dict[str, Any]]] = {"orgs/acme": [], "repos/acme/shop": []}
        self.sent: list[dict[str, Any]] = []
        self.has_org_hooks, self.may_write = True, True
        self.asked: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON of one request."""
        self.asked.append(f"{method} {path}")
        place, _, rest = path.strip("/").partition("/hooks")
        if place == "repositories/7" or path.startswith("/orgs/acme/repos"):
            return 200, []
        if place not in self.hooks or (place.startswith("orgs/") and not self.has_org_hooks):
            return 404, {"message": "Not Found"}
        if method == "GET" and rest == "":
            return 200, self.hooks[place]
        if method == "GET" and rest.endswith("/deliveries"):
            return 200, [{name: one[name] for name in one if name != "request"} for one in reversed(self.sent)]
        if method == "GET":
            number = int(rest.rpartition("/")[2])
            found = next((one for one in self.sent if one["id"] == number), None)
            return (200, found) if found and "request" in found else (404, {"message": "Not Found"})
        if not self.may_write:
            return 403, {"message": "Resource not accessible"}
        if method == "POST":
            self.hooks[place].append({**body, "id": 100 + len(self.hooks[place])})
            return 201, self.hooks[place][-1]
        hook = next(one for one in self.hooks[place] if str(one["id"]) == rest.strip("/"))
        hook.update(body)
        return 200, hook

    def deliver(self, guid: str, event: str, payload: Any, delivered_at: str, status: int = 502) -> None:
        """Note a delivery in the record; ``payload`` None: it is remembered, its payload is not."""
        entry = {"id": 5000 + len(self.sent), "guid": guid, "event": event, "delivered_at": delivered_at, "status_code": status}
        entry |= {"action": (payload or {}).get("action"), "repository_id": 7}
        self.sent.append(entry if payload is None else entry | {"request": {"payload": payload}})


@contextmanager
def running() -> Iterator[FakeGitHub]:
    """The fake on a port of its own."""
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
            status, value = fake.answer(self.command, self.path.partition("?")[0], body)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, value = 401, {"message": "Bad credentials"}
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
