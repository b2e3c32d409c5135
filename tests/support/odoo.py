"""The fake Odoo behind a loopback port, and the faults that a real one shows. Hooks go into ``fake.before``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from connectors.demo.odoo.books import Books, Item
from connectors.demo.odoo.chart import make
from connectors.demo.odoo.methods import Records
from connectors.demo.odoo.server import Call, FakeOdoo, Hook, Response
from connectors.demo.odoo.store import Store

NOW = datetime(2025, 4, 15, 12, tzinfo=UTC)
SECRET, KEY = "letter-box-9", "key-of-the-box-9"
LEDGER = {"account.account", "account.journal", "account.move", "account.move.line"}


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serve(fake: FakeOdoo) -> Iterator[str]:
    """The base URL of the fake while the block runs."""
    server = make_server("127.0.0.1", 0, fake, server_class=Server, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def times(count: int, hook: Hook) -> Hook:
    """A hook that acts on the first ``count`` calls only."""
    left = iter(range(count))
    return lambda call: None if next(left, None) is None else hook(call)


def on(method: str, hook: Hook, model: str | None = None) -> Hook:
    """A hook that acts on one method (of one model) only."""
    return lambda call: hook(call) if call.method == method and model in (None, call.model) else None


def fail_once(status: int = 500, headers: dict[str, str] | None = None) -> Hook:
    """The next call is answered with a status, as by a proxy in front of Odoo; ``headers`` such as Retry-After."""
    html = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
    return times(1, lambda call: Response(status, "<h1>Not now</h1>", html))


def truncate_once() -> Hook:
    """The next call's answer breaks off in the middle."""
    return times(1, lambda call: Response(200, '{"jsonrpc": "2.0", "id": 1, "result": [' + '{"id": 1}, ' * 500, truncate=True))


def slow(seconds: float) -> Hook:
    """Every call takes its time."""
    return lambda call: time.sleep(seconds)


def touch_between_pages(fake: FakeOdoo, model: str, change: Callable[[Store], None]) -> Hook:
    """Between the first and the second ``search_read`` of a model, somebody changes the store."""
    seen: list[Call] = []

    def hook(call: Call) -> None:
        seen.append(call)
        if len(seen) == 2:
            change(fake.store)

    return on("search_read", hook, model)


def bulk_store(lines: int, day: date = date(2025, 1, 1)) -> Store:
    """A store with ``lines`` posted journal items (rounded up to pairs) in balanced entries of ten."""
    store = Store()
    books = Books(store, make(store))
    pair = [Item("600000", 100), Item("101401", -100)]
    for start in range(0, lines, 10):
        books.entry("MISC", day, pair * min(5, -(-(lines - start) // 2)))
    return store


def answered(result: object) -> Response:
    """JSON-RPC's answer with this result."""
    return Response(200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}), {"Content-Type": "application/json"})


def raised(name: str, message: str) -> Response:
    """JSON-RPC's answer when Odoo raised an exception."""
    error = {"code": 200, "message": "Odoo Server Error", "data": {"name": name, "message": message}}
    return Response(200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}), {"Content-Type": "application/json"})


def rewritten(fake: FakeOdoo, change: Callable[[str], str]) -> Hook:
    """Each answer as the fake would give it, but for this change of its JSON text."""

    def hook(call: Call) -> Response:
        records = Records(fake.store, call.model, 2, set(), fake.version)
        result = records.call(call.method, call.args, call.kwargs, allowed=True)
        response = answered(result)
        return Response(response.status, change(str(response.body)), response.headers)

    return hook
