"""The worked example of CONTRIBUTING.md is taken from the page and run as a user would run it."""

from __future__ import annotations

import importlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection

from connectors import contract, services
from connectors.models import ConnectorRun
from ipai.access.models import Tenant

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "desk-token-4711"
TICKETS = [
    {
        "id": number,
        "subject": f"Ticket {number}",
        "cost": f"0.1000000000000000{number}",
        "updated_at": f"2026-01-{number:02}T08:00:00Z",
    }
    for number in range(1, 8)
]


class Desk(BaseHTTPRequestHandler):
    """Three tickets a page, from ``updated_since`` on; the cost is a bare number of more digits than a double has."""

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, b"{}")
            return
        page = int(query["page"])
        found = [ticket for ticket in TICKETS if ticket["updated_at"] >= query.get("updated_since", "")]
        shown = found[(page - 1) * 3 : page * 3]
        text = json.dumps({"tickets": shown, "next_page": page + 1 if len(found) > page * 3 else None})
        self._answer(200, re.sub(r'"cost": "([\d.]+)"', r'"cost": \1', text).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def desk() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """The page's code as one more module of ``connectors.sources``, found as any other; gone afterwards."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    name = re.search(r"Save it as `connectors/sources/(\w+)\.py`", text)
    block = re.search(r"<!-- the test \S+ runs this block -->\n```python\n(.*?)```", text, re.S)
    assert name
    assert block
    (tmp_path / f"{name[1]}.py").write_text(block[1])
    package = importlib.import_module("connectors.sources")
    package.__path__.append(str(tmp_path))
    importlib.invalidate_caches()
    yield
    package.__path__.remove(str(tmp_path))
    sys.modules.pop(f"connectors.sources.{name[1]}", None)
    contract._registry.pop("helpdesk", None)


def make_and_run(url: str, actor: Any, token: str = TOKEN) -> ConnectorRun:
    connector = services.create_connector(
        actor=actor,
        tenant=Tenant.objects.get(slug="default"),
        name="desk",
        connector_type="helpdesk",
        config={"url": url},
        secrets={"token": token},
    )
    return services.execute_run(services.queue_run(connector=connector, actor=actor, send_to_worker=False).pk)


def loaded() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, subject, cost::text FROM ipai_bronze_core.tickets ORDER BY id")
        return cursor.fetchall()


@pytest.mark.usefixtures("installed")
@pytest.mark.django_db(transaction=True)
@pytest.mark.outside
@pytest.mark.pooler
class TestTheWorkedExample:
    @pytest.fixture(autouse=True)
    def reachable(self, settings: Any, tmp_path: Path) -> None:
        settings.IPAI_ALLOW_PRIVATE_URLS = True
        settings.IPAI_SPOOL_DIR = tmp_path / "spool"

    def test_it_loads_every_page_with_exact_decimals(self, desk: str, actor: Any) -> None:
        run = make_and_run(desk, actor)
        assert run.error_message == ""
        assert loaded() == [(ticket["id"], ticket["subject"], ticket["cost"]) for ticket in TICKETS]

    def test_the_second_run_asks_only_for_what_changed(self, desk: str, actor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        first = make_and_run(desk, actor)
        changed = {"id": 3, "subject": "Reopened", "cost": "5.25", "updated_at": "2026-02-01T08:00:00Z"}
        monkeypatch.setattr(sys.modules[__name__], "TICKETS", [*TICKETS[:2], *TICKETS[3:], changed])
        run = services.execute_run(services.queue_run(connector=first.connector, actor=actor, send_to_worker=False).pk)
        stream = run.streams.get()
        assert (stream.rows_read, stream.rows_updated, stream.rows_unchanged) == (2, 1, 1)
        assert (3, "Reopened") in [row[:2] for row in loaded()]

    def test_a_refused_token_says_what_to_do_and_never_the_token(self, desk: str, actor: Any) -> None:
        run = make_and_run(desk, actor, token="wrong-token-0815")
        assert run.status == "failed"
        detail = " ".join([run.error_message, *run.streams.values_list("error_message", flat=True)])
        assert "set a new one" in detail
        assert "wrong-token-0815" not in detail

    def test_checking_it_says_what_was_found(self, desk: str, actor: Any) -> None:
        checks = services.check_config("helpdesk", {"url": desk}, {"token": TOKEN})
        assert [(check.ok, check.detail) for check in checks] == [(True, "3 on the first page")]
