"""Programs run on homes of their own, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ipai.embedded.home import Home

ROOT = Path(__file__).resolve().parents[2]


def processes_of(home: Path) -> list[psutil.Process]:
    """Living processes that have to do with ``home``: by its servers' mark, its path, or their environment."""
    mark = Home(home).mark
    found = []
    for process in psutil.process_iter():
        try:
            text = " ".join(process.cmdline())
            about = mark in text or str(home) in text or process.environ().get("IPAI_HOME") == str(home)
            if about and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Runner:
    """Runs programs of ours on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPAI_HOME": str(home), "IPAI_EMBEDDED_FSYNC": "0"}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *command: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env=self.environment | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def python(self, code: str, **more: str) -> subprocess.Popen[str]:
        """``services`` is at hand in ``code``."""
        head = "import os, pathlib, sys, time\nfrom ipai.embedded.services import Services\n"
        head += "services = Services(pathlib.Path(os.environ['IPAI_HOME']))\n"
        return self.start(sys.executable, "-c", head + textwrap.dedent(code), **more)

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()
