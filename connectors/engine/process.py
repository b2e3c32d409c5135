"""Which process works on a run, written so that another process of the same machine can tell whether it is dead.

The text is ``host:pid:start:machine``: ``start`` tells a process from a later one with the same number, ``machine`` this boot of
this machine (and container) from any other.
"""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple


class Holder(NamedTuple):
    """A process: where it runs (``host``, for people; ``machine``) and which it is (``pid``, ``start``)."""

    host: str
    pid: int
    start: str
    machine: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> str:
    """The text of the process that asks."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start(os.getpid())}:{_machine()}"


def parse(text: str) -> Holder | None:
    """The process that a text names; None when it does not name one."""
    parts = text.split(":")
    return Holder(parts[0], int(parts[1]), parts[2], parts[3]) if len(parts) == 4 and parts[1].isdigit() else None


def is_dead(text: str) -> bool:
    """Whether the process is known to have ended: it ran on this machine and is not there. False when nobody can tell."""
    holder = parse(text)
    if holder is None or not holder.start or holder.machine != _machine():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there, somebody else's
    start = _start(holder.pid)
    return start == _ENDED or bool(start and start != holder.start)


_ENDED = "ended"


def _start(pid: int) -> str:
    """What tells this process from another one with its number; ``ended`` for one that waits to be reaped, "" when hidden."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_by_ps(pid)
    return _ENDED if fields[0] in ("Z", "X") else fields[19]  # clock ticks since boot


def _start_by_ps(pid: int) -> str:
    """The same where there is no /proc (macOS)."""
    try:
        told = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    state, _, started = told.strip().partition(" ")
    return _ENDED if state.startswith("Z") else started.strip().replace(":", ".")


@lru_cache(maxsize=1)
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return f"{uuid.getnode():x}"
