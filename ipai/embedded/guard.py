"""The guard: one small process per home that stops the services when nobody uses them.

``python -m ipai.embedded.guard HOME``, started with the services by ``Services``. Every second it looks whether a process
holds ``users.lock`` or a client is connected to PostgreSQL. With neither for the grace time it stops both servers and ends.
The grace is long after a lone command (``psql "$(manage.py dburl)"`` must find the server) and short once an ``up`` has ended.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from pathlib import Path

from ipai.embedded import locks
from ipai.embedded.broker import Broker
from ipai.embedded.errors import ServiceError
from ipai.embedded.home import Home
from ipai.embedded.postgres import Postgres
from ipai.embedded.server import Server

GRACE_SECONDS = 600.0
GRACE_AFTER_UP_SECONDS = 3.0
LOOK_SECONDS = 1.0


class Guard:
    """``lock`` is the descriptor that holds ``guard.lock``."""

    def __init__(self, home: Home, lock: int, grace: float) -> None:
        self.home = home
        self.lock = lock
        self.grace = grace
        self.servers: tuple[Postgres, Broker] = (Postgres(home), Broker(home))
        self.identity = os.stat(home.guard_lock).st_ino
        self.idle_since: float | None = None
        self.pids: dict[Server, int] = {}

    def watch(self) -> None:
        """Look every second until the services are stopped."""
        while True:
            time.sleep(LOOK_SECONDS)
            if self._home_is_gone():
                self._kill()
                return
            if self._unused() and self._finish():
                return

    def _unused(self) -> bool:
        """Whether it is time to stop."""
        up = locks.is_held(self.home.up_lock)
        if up:
            self.grace = GRACE_AFTER_UP_SECONDS
        running = [server for server in self.servers if server.running()]
        self.pids = {server: pid for server in running if (pid := server.pid())}
        if up or self._has_users() or (running and self._has_clients()):
            self.idle_since = None
            return False
        self.idle_since = self.idle_since or time.monotonic()
        return not running or time.monotonic() - self.idle_since >= self.grace

    def _has_users(self) -> bool:
        alone = locks.take(self.home.users_lock, seconds=0)
        if alone is not None:
            locks.release(alone)
        return alone is None

    def _has_clients(self) -> bool:
        try:
            return self.servers[0].clients() > 0
        except OSError:
            return False
        except ServiceError:
            return True  # it lives and is too busy to say

    def _finish(self) -> bool:
        """Stop both, unless somebody came in the meantime. New users wait for the lock until all is down."""
        starting = locks.take(self.home.start_lock, seconds=0)
        if starting is None:
            return False
        users = locks.take(self.home.users_lock, seconds=0)
        if users is not None:
            for server in self.servers:
                server.stop()
            locks.release(self.lock)  # before the others: who waits for them must find no guard and start one
            locks.release(users)
        locks.release(starting)
        return users is not None

    def _home_is_gone(self) -> bool:
        """Somebody deleted the home, or the folder of the locks, under running servers."""
        try:
            return os.stat(self.home.guard_lock).st_ino != self.identity
        except FileNotFoundError:
            return True

    def _kill(self) -> None:
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        time.sleep(LOOK_SECONDS)
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Take over the lock that the starter hands down, or take it; end at once when another guard has it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--lock", type=int)
    parser.add_argument("--grace", type=float, default=GRACE_SECONDS)
    options = parser.parse_args()
    home = Home(options.home)
    lock = options.lock if options.lock is not None else locks.take(home.guard_lock, seconds=0)
    if lock is None:
        return
    home.guard_lock.write_text(str(os.getpid()))
    Guard(home, lock, options.grace).watch()


if __name__ == "__main__":
    main()
