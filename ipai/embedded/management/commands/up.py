"""``manage.py up``: everything on this machine with one command, until Ctrl-C."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from ipai.embedded.errors import ServiceError
from ipai.embedded.services import Services
from ipai.embedded.supervisor import Supervisor, read_procfile


class Command(BaseCommand):
    help = "Start the services, migrate, load the demo, then run the processes of the Procfile until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="do not load the demo")
        parser.add_argument("--port", type=int, default=settings.IPAI_PORT, help="of the web process (IPAI_PORT)")

    def handle(self, *args: Any, **options: Any) -> None:
        port: int = options["port"]
        # Without embedded services there is a home still: its lock and its log.
        services: Services = settings.IPAI_SERVICES or Services(settings.IPAI_HOME)
        try:
            if not services.claim_up():
                raise CommandError(f"another `manage.py up` runs with IPAI_HOME={services.home.root}: stop it first")
            _check_port(port)
            code = self._run(services, port, demo=not options["no_demo"])
        except (ServiceError, OperationalError) as error:
            raise CommandError(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped before it was up")
            code = 1
        if code:
            sys.exit(code)

    def _run(self, services: Services, port: int, *, demo: bool) -> int:
        self._started = False
        try:
            self._start(services)
            self._prepare(demo=demo)
            return self._supervise(services, port)
        finally:
            connections.close_all()
            self._stop(services)

    def _start(self, services: Services) -> None:
        """Start the embedded services that do not run."""
        for wanted, name, ensure in (
            (settings.IPAI_EMBEDDED_POSTGRES, "PostgreSQL", services.ensure_postgres),
            (settings.IPAI_EMBEDDED_BROKER, "Valkey", services.ensure_broker),
        ):
            if wanted:
                with self._step(name) as notes:
                    fresh = ensure()
                    self._started |= fresh
                    notes.append("started" if fresh else "already running")

    def _prepare(self, *, demo: bool) -> None:
        with self._step("Migrations") as notes:
            executor = MigrationExecutor(connection)
            waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
            if waiting:
                call_command("migrate", verbosity=0, interactive=False)
            notes.append(f"{waiting} applied" if waiting else "up to date")
        if demo and "loaddemo" in get_commands():
            with self._step("Demo") as notes:
                call_command("loaddemo")
                notes.append("loaded")

    def _supervise(self, services: Services, port: int) -> int:
        self.stdout.write(f"\nIPAI Databricks runs at http://127.0.0.1:{port}/")
        if "ensureadmin" in get_commands():
            call_command("ensureadmin")
        self.stdout.write("Ctrl-C stops it\n\n")
        connections.close_all()
        supervisor = Supervisor(
            read_procfile(Path(settings.BASE_DIR) / "Procfile"),
            folder=Path(settings.BASE_DIR),
            log=services.home.log / "portal.log",
            environment={"IPAI_HOST": "127.0.0.1", "PORT": str(port), "IPAI_PORT": str(port)},
            watch=services.watcher(postgres=settings.IPAI_EMBEDDED_POSTGRES, broker=settings.IPAI_EMBEDDED_BROKER),
        )
        return supervisor.run()

    def _stop(self, services: Services) -> None:
        """Stop what ``_start`` started, unless somebody else has come to use it."""
        if not self._started:
            return
        if services.stop_if_unused():
            self.stdout.write("Everything is stopped; the data stays in " + str(services.home.root))
        else:
            self.stdout.write("Another process uses the embedded services: they stop when it ends")

    @contextmanager
    def _step(self, name: str) -> Iterator[list[str]]:
        """One line per step: its name, what came of it, its seconds."""
        notes: list[str] = []
        began = time.monotonic()
        yield notes
        self.stdout.write(f"{name:<12}{', '.join(notes):<18}{time.monotonic() - began:6.1f} s")
        self.stdout.flush()


def _check_port(port: int) -> None:
    """``CommandError`` when something listens on the port already, or it cannot be used."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        try:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        except OverflowError:
            raise CommandError(f"the port must be 1 to 65535, not {port}") from None
    if taken:
        raise CommandError(f"port {port} is in use: stop what uses it, or choose another with IPAI_PORT or --port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"port {port} cannot be used ({error.strerror}): choose another with IPAI_PORT or --port") from None
