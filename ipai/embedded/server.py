"""What PostgreSQL and Valkey have in common: started detached, seen by their lock, recovered after any death."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path

from ipai.embedded import locks
from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError
from ipai.embedded.home import Home
from ipai.embedded.launch import last_line, launch, processes_with, server_environment

START_SECONDS = 300.0  # the longest wait: replaying 2 GB of log after a crash on a slow disk
LEFTOVER_SECONDS = 2.0  # the parts of a server whose main process was killed end by themselves within this


class Server(ABC):
    """One embedded server. ``start`` and ``stop`` are called by the holder of the home's start lock only."""

    label: str  # for people
    folder: str  # under the home: the data
    socket_name: str
    stop_signals: tuple[tuple[signal.Signals, float], ...]  # tried in turn, each with its seconds

    def __init__(self, home: Home) -> None:
        self.home = home
        self.mark = f"{home.mark}-{self.folder}"  # in the title of each of its processes
        self.data = home.root / self.folder
        self.log = home.log / f"{self.folder}.log"
        self.socket = home.sockets / self.socket_name
        # In the data folder: whoever deletes `run` must not make a running server look dead.
        self.lock = self.data / "ipai.lock"

    @abstractmethod
    def ready(self) -> bool:
        """Whether it runs and takes work, without a subprocess and in well under a millisecond."""

    @abstractmethod
    def accepting(self) -> bool:
        """Whether it answers a question put to it now."""

    @abstractmethod
    def pid(self) -> int | None:
        """The main process as the server noted it; only to be trusted while ``running()``."""

    @abstractmethod
    def create(self, account: Account) -> None:
        """Make the data folder unless it exists."""

    @abstractmethod
    def configure(self, account: Account) -> None:
        """Write the configuration and clear what a dead server left behind; no process of it lives."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs it in the foreground."""

    def running(self) -> bool:
        """Whether any process of it lives."""
        return locks.is_held(self.lock)

    def connects(self) -> bool:
        """Whether its socket takes connections, as it does from soon after the start to its death."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            try:
                connection.connect(str(self.socket))
            except TimeoutError:
                return True  # busy, not dead
            except OSError:
                return False
        return True

    def start(self) -> None:
        """Start it, or wait until the one that is already starting or recovering takes work."""
        account = Account.of(self.home.root)
        account.check(Path(self.command()[0]), self.home.run)
        self.create(account)
        account.own_tree(self.data)
        for _ in range(2):  # a second time: the first may fail over what a crash left
            keep = self._take_over()
            if keep is None:
                return
            try:
                account.own(self.lock)
                self.configure(account)
                launch(self.command(), log=self.log, keep=keep, environment=server_environment(), account=account)
            finally:
                os.close(keep)  # not released: the server holds it from here on
            if self._wait_until_accepting():
                return
        raise ServiceError(f"{self.label} did not start: {self._last_log_line()} (see {self.log})")

    def stop(self) -> bool:
        """Stop it as gently as it allows; whether there was one to stop."""
        if not self.running():
            return False
        for number, seconds in self.stop_signals:
            pid = self._main_process()
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if locks.wait_until_free(self.lock, seconds):
                return True
        if locks.wait_until_free(self.lock, LEFTOVER_SECONDS):
            return True
        self._kill_leftovers()
        if not locks.wait_until_free(self.lock, 5.0):
            raise ServiceError(f"{self.label} does not end: kill its processes (ps -ax | grep {self.mark}) and try again")
        return True

    def _take_over(self) -> int | None:
        """The server's lock, which proves that none lives; None when one lives after all and takes work."""
        began = time.monotonic()
        while True:
            keep = locks.take(self.lock, seconds=0.2)
            if keep is not None:
                return keep
            if self.accepting() and self.ready():
                return None
            if time.monotonic() - began > LEFTOVER_SECONDS and not self.connects():
                self.stop()
            if time.monotonic() - began > START_SECONDS:
                raise ServiceError(f"{self.label} runs but does not answer: stop it with `manage.py stop` (see {self.log})")

    def _wait_until_accepting(self) -> bool:
        """False as soon as the server that was just launched has died."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.ready() and self.accepting():
                return True
            if not self.running():
                return False
            time.sleep(0.01)
        return False

    def _main_process(self) -> int | None:
        """The main process, unless it is dead and its number may be somebody else's by now."""
        pid = self.pid()
        return pid if pid is not None and (self.connects() or pid in processes_with(self.mark)) else None

    def _kill_leftovers(self) -> None:
        """Kill the processes of a server whose main process is gone or deaf."""
        for pid in processes_with(self.mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _last_log_line(self) -> str:
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4000))
                return last_line(file.read().decode(errors="replace").splitlines())
        except OSError:
            return "no log was written"


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ServiceError(f"the package {package.replace('_', '-')} is not installed: pip install -r requirements.txt")
    return Path(found.submodule_search_locations[0])
