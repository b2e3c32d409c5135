"""The Odoo connector beside a bare client that sends the very same calls: rows a second of both, memory, calls of a quiet run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

ROOT = Path(__file__).resolve().parent.parent
PACES = {"at the pace of Odoo 18": 140_000, "at once, from memory": 0}
"""Values a second for one connection. The first is what a real server was measured to give: 6,793 rows/s of 21 fields."""
CLIENTS = 2
BAR, MEMORY_BAR = 0.9, 300


def measure(lines: int) -> dict[str, Any]:
    """``{pace: {"bare", "connector" (rows/s), "peak" (MB), "quiet_seconds", "quiet_calls"}}``."""
    os.environ["IPAI_ALLOW_PRIVATE_URLS"] = "1"
    with _server(lines) as url, httpx.Client(base_url=url, timeout=600) as client:
        _sync(url, client)  # the server makes its answers
        return {name: _round(url, client, pace) for name, pace in PACES.items()}


def _round(url: str, client: httpx.Client, pace: float) -> dict[str, Any]:
    client.post(f"/pace?values={pace}")
    first, peak, quiet, calls, asked = _sync(url, client)
    pages = [body for body in asked if '"search_read"' in body and '"load"' in body and '"<="' in body]
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        rows = sum(pool.map(lambda body: len(msgspec.json.decode(client.post("/jsonrpc", content=body).content)["result"]), pages))
    bare = rows / (time.perf_counter() - started)
    return {"bare": bare, "connector": rows / first, "peak": peak, "quiet_seconds": quiet, "quiet_calls": calls}


def _sync(url: str, client: httpx.Client) -> tuple[float, float, float, int, list[str]]:
    """A first sync and a quiet one by a connector of its own: seconds, peak MB, seconds, calls, and what the first asked."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    config = {"url": url, "database": "demo", "user": "demo", "models": ["account.move.line"]}
    command = ["createconnector", name, "--type", "odoo", "--config", json.dumps(config), "--secret", "password=demo"]
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, capture_output=True)
    try:
        client.get("/asked")
        first, peak = _run(name)
        asked: list[str] = client.get("/asked").json()
        quiet, _ = _run(name)
        return first, peak, quiet, len(client.get("/asked").json()), asked
    finally:
        _forget(name)


def _run(name: str) -> tuple[float, float]:
    command = [sys.executable, "manage.py", "runconnector", name, "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"runconnector {name} failed: {output}")
    return json.loads(output)["seconds"], usage.ru_maxrss / 1024


def _forget(name: str) -> None:
    """Take the connector and its rows away."""
    from django.db import connection

    from connectors.models import ConnectorConfig

    config = ConnectorConfig.objects.get(name=name)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ipai_bronze_erp.journal_entries WHERE _connector_id = %s", [config.pk])
        cursor.execute("VACUUM ipai_bronze_erp.journal_entries")
    config.delete()


@contextmanager
def _server(lines: int) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ledger_server", str(lines)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def render(figures: dict[str, Any], lines: int) -> list[str]:
    """The report's part as Markdown."""
    real, peak = next(iter(figures.values())), max(found["peak"] for found in figures.values())
    text = [
        "## Odoo",
        "",
        f"{lines:,} journal items by JSON-RPC from a fake Odoo in a process of its own on the same machine (`bench/ledger.py`):",
        f"a first sync of `runconnector` with its proof, beside a bare client that sends the same page calls, {CLIENTS} at once,",
        "and decodes the answers. A quiet run has nothing new to read.",
        "",
        "| server | bare rows/s | connector rows/s | ratio | peak MB | quiet run |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in figures.items():
        ratio = found["connector"] / found["bare"]
        quiet = f"{found['quiet_seconds']:.1f} s, {found['quiet_calls']} calls"
        text.append(f"| {name} | {found['bare']:,.0f} | {found['connector']:,.0f} | {ratio:.2f} | {found['peak']:.0f} | {quiet} |")
    ratio = real["connector"] / real["bare"]
    text += [
        "",
        f"Ratio at the pace of Odoo 18: {ratio:.2f} (bar {BAR}). Peak memory: {peak:.0f} MB (bar {MEMORY_BAR}).",
        "A server that has its answers ready shows what the connector itself costs: types, `_raw`, transactions, proof.",
        "",
    ]
    return text
