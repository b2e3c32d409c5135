"""A fake Odoo that answers at once or at the pace of a real one: ``python -m bench.ledger_server LINES`` prints its address.

Answers are made once and remembered, so that the server costs little beside the client that is measured. The last data
calls can be asked for (``GET /asked``: JSON list of bodies) and sent again by a bare client: the same pages, the same
settings. ``POST /pace?values=140000`` makes each connection as slow as that many values (records times fields) a second;
0 is no brake.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.demo.odoo.books import Books, Item
from connectors.demo.odoo.chart import make
from connectors.demo.odoo.server import FakeOdoo
from connectors.demo.odoo.store import Store


def books(lines: int) -> Store:
    """Balanced entries of ten lines, written one a minute until a week ago."""
    entered = -(-lines // 10)
    clock = datetime.now(UTC) - timedelta(days=7, minutes=entered)
    store = Store(now=lambda: clock)
    entries = Books(store, make(store))
    pair = [Item("600000", 12_345), Item("101401", -12_345)]
    for number in range(entered):
        clock += timedelta(minutes=1)
        entries.entry("MISC", date(2023 + number % 3, 1 + number % 12, 1 + number % 28), pair * 5)
    return store


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    fake: FakeOdoo
    answers: dict[bytes, tuple[bytes, int]]
    asked: list[bytes]
    pace = 0.0
    lock = threading.Lock()

    def do_GET(self) -> None:
        """What was asked since the last time."""
        bodies = [body.decode() for body in self.asked]
        self.asked.clear()
        self._send(json.dumps(bodies).encode())

    def do_POST(self) -> None:
        """A call of Odoo's, or a new pace."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        place = urlsplit(self.path)
        if place.path == "/pace":
            Handler.pace = float(parse_qs(place.query)["values"][0])
            return self._send(b"{}")
        with self.lock:
            self.asked.append(body)
            if body not in self.answers:
                self.answers[body] = self._made(body)
            answer, values = self.answers[body]
        if self.pace:
            time.sleep(values / self.pace)
        return self._send(answer)

    def _made(self, body: bytes) -> tuple[bytes, int]:
        answer = self.fake.jsonrpc(body).body
        text = answer if isinstance(answer, bytes) else answer.encode()
        result = json.loads(text).get("result")
        records = result if isinstance(result, list) and result and isinstance(result[0], dict) else []
        return text, sum(map(len, records))

    def _send(self, answer: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def main() -> None:
    """Serve until the process is ended."""
    Handler.fake, Handler.answers, Handler.asked = FakeOdoo(books(int(sys.argv[1]))), {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
