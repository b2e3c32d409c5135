"""Webhook deliveries against one web process: at a fixed rate, as fast as they go, and with a huge one among them.

``python -m bench.webhooks`` starts the process as the Procfile does, sends signed deliveries and writes docs/benchmarks.md.
The rate is held whether or not answers come (open loop), and latency counts from the moment at which a delivery was due.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import re
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.report import ROOT, write_section

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME, SECRET = "bench-webhooks", "not-a-secret-of-anybody"
PATH = f"/webhooks/github/{NAME}/"
BAR_MS = 100


@dataclass
class Measured:
    """Answers by status, latencies in milliseconds, wall seconds."""

    seconds: float = 0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def note(self, status: int, milliseconds: float) -> None:
        """Count one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(milliseconds)

    def at(self, percent: float) -> float:
        """This percentile of the latencies."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


def main() -> None:
    """Measure and report."""
    options = argparse.ArgumentParser(prog="python -m bench.webhooks", description=__doc__)
    options.add_argument("--rate", type=int, default=200)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--port", type=int, default=8765)
    chosen = options.parse_args()
    manage("migrate", "--verbosity", "0")
    manage("createconnector", NAME, "--update", "--type", "github", "--config", '{"owner": "bench"}', "--secret",
           f"webhook_secret={SECRET}")  # fmt: skip
    load = os.getloadavg()[0]
    with web(chosen.port) as process:
        results = asyncio.run(rounds(chosen))
    sent = sum(len(one.latencies) for one in results.values())
    text = render(results, chosen, load, 1000 * process.cpu / sent)
    write_section("webhooks", text)
    print(text)


def manage(*arguments: str) -> None:
    """Run a command of the portal."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@dataclass
class Web:
    """The web process; ``cpu`` are the seconds that it computed, known when it has ended."""

    cpu: float = 0


@contextmanager
def web(port: int) -> Iterator[Web]:
    """The web process as the Procfile starts it."""
    line = re.search(r"^web: python (.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert line is not None
    command = line[1].replace("${IPAI_HOST:-0.0.0.0}", "127.0.0.1").replace("${PORT:-8000}", str(port))
    process = subprocess.Popen([sys.executable, *command.split(), "--log-level", "warning"], cwd=ROOT)
    try:
        asyncio.run(ready(port))
        yield (found := Web())
    finally:
        process.terminate()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    found.cpu = usage.ru_utime + usage.ru_stime


async def ready(port: int) -> None:
    """Wait until the process listens."""
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("The web process did not start")


async def rounds(chosen: argparse.Namespace) -> dict[str, Measured]:
    """Every measurement, after a warm-up."""
    await paced(chosen, 2)
    found = {f"{chosen.rate}/s": await paced(chosen, chosen.seconds)}
    found[f"{chosen.rate}/s, a push of 20 MB each 5 s"] = await paced(chosen, chosen.seconds // 2, heavy=20_000_000)
    found[f"as fast as {chosen.connections} connections go"] = await flat_out(chosen, chosen.rate * chosen.seconds // 2)
    return found


class Sender:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        """Send a signed delivery; the answer's status."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"User-Agent: GitHub-Hookshot/bench\r\nX-GitHub-Delivery: {secrets.token_hex(16)}\r\nX-GitHub-Event: bench\r\n"
            f"X-GitHub-Hook-ID: 1\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        await reader.readexactly(length)
        return status

    def close(self) -> None:
        """Hang up."""
        if self.streams:
            self.streams[1].close()


def body_of(size: int) -> bytes:
    """A payload of about this size; GitHub's have 8 to 30 kB."""
    files = [f"src/package_{n % 97}/module_{n}.py" for n in range(size // 34)]
    return json.dumps({"action": "bench", "repository": {"id": 1, "full_name": "bench/bench"}, "files": files}).encode()


async def paced(chosen: argparse.Namespace, seconds: int, heavy: int = 0) -> Measured:
    """Deliveries at the fixed rate."""
    idle: asyncio.Queue[Sender] = asyncio.Queue()
    for _ in range(chosen.connections):
        idle.put_nowait(Sender(chosen.port))
    light, large = body_of(10_000), body_of(heavy)
    measured, began, tasks = Measured(), time.perf_counter(), []

    async def deliver(due: float, body: bytes) -> None:
        sender = await idle.get()
        status = await sender.post(body)
        measured.note(status, (time.perf_counter() - due) * 1000)
        idle.put_nowait(sender)

    for number in range(chosen.rate * seconds):
        due = began + number / chosen.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(deliver(due, light)))
        if heavy and number % (5 * chosen.rate) == chosen.rate:
            tasks.append(asyncio.create_task(quietly(Sender(chosen.port), large)))
    await asyncio.gather(*tasks)
    measured.seconds = time.perf_counter() - began
    while not idle.empty():
        idle.get_nowait().close()
    return measured


async def quietly(sender: Sender, body: bytes) -> None:
    """Send a large one beside the others; it must be taken, its own latency does not count."""
    status = await sender.post(body)
    sender.close()
    if status != 202:
        raise SystemExit(f"A delivery of {len(body):,} bytes was answered with {status}")


async def flat_out(chosen: argparse.Namespace, count: int) -> Measured:
    """Each connection sends the next one as soon as it has an answer."""
    body, measured, began = body_of(10_000), Measured(), time.perf_counter()

    async def work(each: int) -> None:
        sender = Sender(chosen.port)
        for _ in range(each):
            sent = time.perf_counter()
            measured.note(await sender.post(body), (time.perf_counter() - sent) * 1000)
        sender.close()

    await asyncio.gather(*(work(count // chosen.connections) for _ in range(chosen.connections)))
    measured.seconds = time.perf_counter() - began
    return measured


def render(results: dict[str, Measured], chosen: argparse.Namespace, load: float, cpu: float) -> str:
    """The section of the report. ``load`` is the machine's before, ``cpu`` the milliseconds of the web process per delivery."""
    rows = [_row(name, one) for name, one in results.items()]
    refused = sum(count for one in results.values() for status, count in one.statuses.items() if status != 202)
    first = next(iter(results.values()))
    verdict = "holds" if first.at(99) < BAR_MS and not refused else "is missed"
    return f"""## Webhook deliveries

Measured {datetime.now(UTC):%Y-%m-%d} by `python -m bench.webhooks` (`make bench-webhooks`): {platform.machine()},
{os.cpu_count()} cores, Python {platform.python_version()}, one web process as in the Procfile; PostgreSQL and the sender are on
the same cores. Signed deliveries of 10 kB over {chosen.connections} connections; 202 means committed. At a fixed rate the
latency counts from the moment at which a delivery was due.

| | sent | per second | p50 ms | p95 ms | p99 ms | max ms |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

The bar, p99 below {BAR_MS} ms at {chosen.rate} deliveries per second, {verdict}; {refused} deliveries were refused.
The web process computes {cpu:.2f} ms per delivery. Load of the machine before: {load:.1f}."""


def _row(name: str, one: Measured) -> str:
    percentiles = " | ".join(f"{one.at(percent):.1f}" for percent in (50, 95, 99))
    return f"| {name} | {len(one.latencies):,} | {one.rate:,.0f} | {percentiles} | {max(one.latencies):.1f} |"


if __name__ == "__main__":
    main()
