"""Runs the processes of the ``Procfile`` and ends them together.

Not honcho: its children survive a ``kill -9`` of it, and it signals processes where groups are needed (a Celery worker has
children of its own). Here each process leads its own group, ends with its parent (``orphans``), and the embedded services
are watched too.

The ``Procfile`` is what a platform (Heroku, DigitalOcean, Dokku) reads as well. There ``PORT`` is given and the web process
must listen on all addresses; here the supervisor sets ``IPAI_HOST=127.0.0.1`` and ``PORT``. A line is run by ``sh`` with
``exec``, so it may use variables but must be one command.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

COLOURS = ("36", "33", "35", "32", "34", "31")
PATIENCE_SECONDS = 10.0  # between SIGTERM and SIGKILL
WATCH_SECONDS = 0.5
LONGEST_LINE = 64 * 1024


def read_procfile(path: Path) -> dict[str, str]:
    """Process name -> command line."""
    lines = (line.partition(":") for line in path.read_text().splitlines() if ":" in line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, _, command in lines}


class Output:
    """One readable log of all processes: on the terminal, and in a file that is put aside at 5 MB (three are kept)."""

    def __init__(self, names: list[str], file: Path, terminal: TextIO) -> None:
        self.width = max(map(len, names))
        self.colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
        self.terminal: TextIO | None = terminal
        self.coloured = terminal.isatty() and "NO_COLOR" not in os.environ
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = RotatingFileHandler(file, maxBytes=5_000_000, backupCount=3, encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        head = f"{time.strftime('%H:%M:%S')} {name:<{self.width}} |"
        self.file.emit(logging.makeLogRecord({"msg": f"{time.strftime('%Y-%m-%d')} {head} {text}"}))
        if self.terminal is None:
            return
        colour = self.colours.get(name, "1")
        try:
            self.terminal.write(f"\x1b[{colour}m{head}\x1b[0m {text}\n" if self.coloured else f"{head} {text}\n")
            self.terminal.flush()
        except (OSError, ValueError):
            self.terminal = None  # closed under us: go on ending the processes


class Process:
    """A child that leads its own session and group."""

    def __init__(self, name: str, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.tail = b""
        self.child = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.child.stdout is not None
        self.output = self.child.stdout.fileno()
        os.set_blocking(self.output, False)

    def lines(self) -> Iterator[str]:
        """What it wrote since the last call; ``EOFError`` when nobody can write any more."""
        try:
            data = os.read(self.output, LONGEST_LINE)
        except BlockingIOError:
            return
        *whole, self.tail = (self.tail + data).split(b"\n")
        if not data or len(self.tail) > LONGEST_LINE:
            whole, self.tail = [*whole, self.tail] if self.tail else whole, b""
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
        if not data:
            raise EOFError

    def death(self) -> str | None:
        """How it ended, in words; None while it lives."""
        code = self.child.poll()
        if code is None:
            return None
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, number)

    def group_lives(self) -> bool:
        """Whether any process of its group is left."""
        self.child.poll()
        try:
            os.killpg(self.child.pid, 0)
        except (ProcessLookupError, PermissionError):  # the latter: macOS, when only zombies are left
            return False
        return True


class Supervisor:
    """``watch`` is called twice a second; a line from it ends everything like the death of a process does."""

    def __init__(
        self,
        commands: Mapping[str, str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        watch: Callable[[], str | None] = lambda: None,
        terminal: TextIO = sys.stdout,
    ) -> None:
        self.commands = commands
        self.folder = folder
        self.environment = {**os.environ, **(environment or {}), **_supervised()}
        self.watch = watch
        self.output = Output([*commands, "portal"], log, terminal)
        self.processes: list[Process] = []
        self.selector = selectors.DefaultSelector()
        self.asked = 0  # how often a signal asked us to stop
        self.killing = False

    def run(self) -> int:
        """0 when a signal asked for the end, 1 when something died. No process of any group is left."""
        with self._signals():
            for name, command in self.commands.items():
                process = Process(name, command, self.folder, self.environment)
                self.processes.append(process)
                self.selector.register(process.output, selectors.EVENT_READ, process)
            reason = self._wait_for_reason()
            self.output.write("portal", f"{reason}: stopping" if reason else "Stopping (Ctrl-C again kills)")
            self._end()
            self._pump(0)
        return 1 if reason else 0

    def _wait_for_reason(self) -> str | None:
        """What died, or None when a signal asked us to stop."""
        looked = time.monotonic()
        while not self.asked:
            self._pump(WATCH_SECONDS / 2)
            for process in self.processes:
                if how := process.death():
                    self._pump(0)  # its last words first
                    self._pump(0)
                    return f"{process.name} {how}"
            if time.monotonic() - looked >= WATCH_SECONDS:
                looked = time.monotonic()
                if line := self.watch():
                    return line
        return None

    def _end(self) -> None:
        """SIGTERM to all groups, SIGKILL after the patience or a second Ctrl-C, until no group is left."""
        asked, deadline = self.asked, time.monotonic() + PATIENCE_SECONDS
        self._send(signal.SIGTERM)
        while any(process.group_lives() for process in self.processes):
            self._pump(0.05)
            if not self.killing and (self.asked > asked or time.monotonic() > deadline):
                self.killing, deadline = True, time.monotonic() + 2.0
                self._send(signal.SIGKILL)
            elif self.killing and time.monotonic() > deadline:
                return  # only zombies that nobody reaps can be left

    def _send(self, number: signal.Signals) -> None:
        for process in self.processes:
            process.send(number)

    def _pump(self, seconds: float) -> None:
        """Wait for output or a signal and pass the output on."""
        for key, _ in self.selector.select(seconds):
            if key.data is None:
                os.read(key.fd, 4096)
                continue
            try:
                for line in key.data.lines():
                    self.output.write(key.data.name, line)
            except EOFError:
                self.selector.unregister(key.fileobj)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals wake the selector; a hang-up that nohup ignores stays ignored."""
        wakened, waker = socket.socketpair()
        with wakened, waker:
            for end in (wakened, waker):
                end.setblocking(False)
            self.selector.register(wakened, selectors.EVENT_READ, None)
            before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
            stops = [signal.SIGINT, signal.SIGTERM]
            if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                stops.append(signal.SIGHUP)
            handlers = {number: signal.signal(number, self._on_stop) for number in stops}
            handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
            try:
                yield
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                signal.set_wakeup_fd(before)
                self.selector.close()

    def _on_stop(self, *_: object) -> None:
        self.asked += 1


def _supervised() -> dict[str, str]:
    """For the children: our interpreter first, output at once, and whom to end with."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "PYTHONUNBUFFERED": "1", "IPAI_SUPERVISED": "1", "IPAI_SUPERVISOR_PID": str(os.getpid())}
