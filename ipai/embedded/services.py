"""The embedded services of one ``IPAI_HOME``: the face of this package.

Who uses them holds a shared lock on ``run/users.lock`` for the rest of its life. A guard process stops them when nobody
does any more (see ``guard``), so no death, ``kill -9`` included, leaves them running for good.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ipai.embedded import locks
from ipai.embedded.broker import Broker
from ipai.embedded.errors import ServiceError
from ipai.embedded.home import Home
from ipai.embedded.launch import launch
from ipai.embedded.postgres import OWNER, PORT, Postgres
from ipai.embedded.server import Server

PROBE_SECONDS = 0.5  # others hold a lock for an instant to see whether it is free
GUARD_SECONDS = 5.0  # the longest wait for the guard to end


@dataclass(frozen=True)
class Status:
    """What lives at this moment."""

    postgres: bool
    broker: bool
    guard: bool
    up: bool


class Services:
    """Starts what is not running; cheap to make, and every address is known before anything runs."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.postgres = Postgres(self.home)
        self.broker = Broker(self.home)
        self._membership: int | None = None

    @property
    def database_url(self) -> str:
        """For libpq: psql, psycopg, any tool."""
        return self.database_url_for(OWNER)

    def database_url_for(self, role: str) -> str:
        """The same database for another login role."""
        return f"postgresql://{quote(role, safe='')}@/{OWNER}?host={quote(str(self.home.sockets), safe='')}&port={PORT}"

    @property
    def database(self) -> dict[str, object]:
        """The entry for Django's DATABASES."""
        return {"ENGINE": "ipai.embedded.backend", "NAME": OWNER, "USER": OWNER, "HOST": str(self.home.sockets), "PORT": str(PORT)}

    @property
    def redis_url(self) -> str:
        """For Celery: ``redis+socket:///path/valkey.sock?virtual_host=0``."""
        return self.broker.celery_url()

    @property
    def redis_py_url(self) -> str:
        """For redis-py and Django's cache: ``unix:///path/valkey.sock?db=0``."""
        return self.broker.redis_py_url()

    def ensure(self) -> None:
        """Both services run and take work when this returns; ``ServiceError`` otherwise."""
        self.ensure_postgres()
        self.ensure_broker()

    def ensure_postgres(self, *, doubtful: bool = False) -> bool:
        """Start PostgreSQL unless it runs; whether this call started it.

        ``doubtful``: a connection just failed, so do not believe its own note of being ready: ask it, wait until it answers.
        """
        return self._ensure(self.postgres, doubtful)

    def ensure_broker(self) -> bool:
        """Start Valkey unless it runs; whether this call started it."""
        return self._ensure(self.broker, doubtful=False)

    def stop(self) -> bool:
        """Stop everything now, whoever uses it; whether anything ran."""
        if not self.home.run.is_dir():
            return False
        with locks.held(self.home.start_lock):
            stopped = [server.stop() for server in (self.postgres, self.broker)]
            self._end_guard()
        return any(stopped)

    def stop_if_unused(self) -> bool:
        """Stop everything unless another process uses it; False when one does. This process is a user no more."""
        with locks.held(self.home.start_lock):
            if self._membership is not None:
                locks.release(self._membership)
                self._membership = None
            alone = locks.take(self.home.users_lock, seconds=PROBE_SECONDS)
            if alone is None:
                return False
            try:
                for server in (self.postgres, self.broker):
                    server.stop()
                self._end_guard()
            finally:
                locks.release(alone)
        return True

    def status(self) -> Status:
        """What lives, without starting anything."""
        guard, up = (locks.is_held(lock) for lock in (self.home.guard_lock, self.home.up_lock))
        return Status(self.postgres.ready(), self.broker.ready(), guard, up)

    def claim_up(self) -> bool:
        """Be the one ``up`` process of this home until this process ends; False when another is."""
        self.home.prepare()
        return locks.take(self.home.up_lock, seconds=PROBE_SECONDS) is not None

    def watcher(self, *, postgres: bool, broker: bool) -> Callable[[], str | None]:
        """A function to call again and again: a line when one of the wanted services has died, or was replaced."""
        wanted: list[Server] = [server for server, want in ((self.postgres, postgres), (self.broker, broker)) if want]
        first = {server.label: server.pid() for server in wanted}

        def look() -> str | None:
            for server in wanted:
                if not server.connects() or server.pid() != first[server.label]:
                    return f"{server.label} has stopped (see {server.log})"
            if not locks.is_held(self.home.guard_lock):
                with locks.held(self.home.start_lock):
                    self._start_guard()
            return None

        return look

    def _ensure(self, server: Server, doubtful: bool) -> bool:
        if self._membership is None:
            self.home.prepare()
            self._membership = locks.take(self.home.users_lock, shared=True)
        if server.ready() and locks.is_held(self.home.guard_lock) and not (doubtful and not server.accepting()):
            return False
        with locks.held(self.home.start_lock):
            self._start_guard()
            if server.ready() and server.accepting():
                return False
            if os.environ.get("IPAI_SUPERVISED") == "1" and not server.running():
                # `up` stops everything when a service dies; its own processes must not hide the death.
                raise ServiceError(f"{server.label} has stopped (see {server.log})")
            server.start()
        return True

    def _start_guard(self) -> None:
        """Start the guard unless it lives. It gets its lock from us, open, so there is never a moment with two or none."""
        keep = locks.take(self.home.guard_lock, seconds=0)
        if keep is None:
            return
        os.truncate(self.home.guard_lock, 0)  # the number of an earlier one
        code = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-SP", "-m", "ipai.embedded.guard", str(self.home.root), "--lock", str(keep)]
        grace = os.environ.get("IPAI_EMBEDDED_GRACE")
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            launch(
                [*command, *(["--grace", grace] if grace else [])],
                log=self.home.log / "guard.log",
                keep=keep,
                environment=environment,
            )
        finally:
            os.close(keep)

    def _end_guard(self) -> None:
        """It would end by itself when the last user has gone; ending it now leaves no process behind."""
        deadline = time.monotonic() + GUARD_SECONDS
        while locks.is_held(self.home.guard_lock) and time.monotonic() < deadline:
            text = self.home.guard_lock.read_text()  # empty until it has begun its work
            if text:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(text), signal.SIGTERM)
            time.sleep(0.01)
