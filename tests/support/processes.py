"""Starting the product's real processes against the database of a test, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent.parent


def wait_for(condition: Callable[[], T], seconds: float = 60, what: str = "the condition") -> T:
    """Poll until the condition holds; fail the test with what was awaited."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.05)
    return found


@contextmanager
def worker(environment: Mapping[str, str], log: Path, concurrency: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker in a process group of its own; killed at the end if it still lives."""
    command = [sys.executable, "-m", "celery", "-A", "tests.support.worker", "worker"]
    command += [
        "--concurrency",
        str(concurrency),
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
        "-n",
        f"w{time.monotonic_ns()}@test",
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(environment), cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(timeout=10)
