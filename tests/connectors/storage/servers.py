"""Servers on loopback that misbehave as told."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler, "Server"], None]


class Server:
    """``behave`` answers each request; ``requests`` are (method, path, headers) in order."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.requests.append((self.command, self.path, dict(self.headers)))
                behave(self, outer)

            do_HEAD = do_GET  # noqa: N815  (http.server's name)

            def log_message(self, *_: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def count(self, method: str = "GET") -> int:
        return sum(1 for request in self.requests if request[0] == method)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(behave: Behaviour) -> Iterator[Server]:
    server = Server(behave)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def send_file(handler: BaseHTTPRequestHandler, data: bytes, *, drop_after: int | None = None, tag: str | None = None) -> None:
    """A well-behaved file server with ranges; ``drop_after`` bytes of the body the connection breaks."""
    tag = etag(data) if tag is None else tag
    start = 0
    if (wanted := handler.headers.get("If-Match")) and wanted != tag:
        answer(handler, 412)
        return
    if ranged := handler.headers.get("Range"):
        start = int(ranged.removeprefix("bytes=").rstrip("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(len(data) - start))
    if tag:
        handler.send_header("ETag", tag)
    handler.end_headers()
    if handler.command == "HEAD":
        return
    body = data[start:]
    handler.wfile.write(body if drop_after is None else body[:drop_after])
    if drop_after is not None:
        handler.wfile.flush()
        handler.connection.close()
        handler.close_connection = True


def sleepy(seconds: float) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, server: Server) -> None:
        time.sleep(seconds)
        answer(handler, 200, b"late")

    return behave
