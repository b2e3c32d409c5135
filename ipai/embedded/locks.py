"""Locks by ``flock``: the kernel frees them however their holder dies, and a child that gets the descriptor holds them on.

That second property tells whether a server lives: its lock file is open in each of its processes, so a free lock means
that none is left. No process number is trusted for it, since numbers are used again after a crash or a restart.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def take(path: Path, *, shared: bool = False, seconds: float | None = None) -> int | None:
    """A descriptor that holds the lock, or None when others still hold it after ``seconds`` (None waits for ever).

    Reading is all that the lock needs, so a file made by root serves its other users too.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        if seconds is None:
            fcntl.flock(descriptor, kind)
            return descriptor
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
            time.sleep(0.01)
    except BaseException:
        os.close(descriptor)
        raise


def release(descriptor: int) -> None:
    """Free the lock, also for children that were forked while it was held."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Wait for the lock and hold it for the block."""
    descriptor = take(path)
    assert descriptor is not None
    try:
        yield
    finally:
        release(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock exclusively; a few microseconds. A holder-to-be must allow for the short probe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_free(path: Path, seconds: float) -> bool:
    """True as soon as nobody holds the lock, False when somebody still does after ``seconds``."""
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True
