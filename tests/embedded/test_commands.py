"""``up``, ``stop`` and ``dburl`` as a person meets them, and Django on the embedded engine."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from ipai.embedded.services import Services
from tests.embedded.homes import Runner, eventually, processes_of

PROCFILE = """\
web: python web.py $IPAI_HOST $PORT
worker: python -m celery -A tasks worker --loglevel INFO --concurrency 2
"""
WEB = """\
import http.server, sys
from ipai.embedded.orphans import exit_with_parent
exit_with_parent()
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
TASKS = """\
import os, pathlib
from celery import Celery
from celery.signals import worker_process_init
from ipai.embedded.orphans import exit_with_parent
from ipai.embedded.services import Services
services = Services(pathlib.Path(os.environ["IPAI_HOME"]))
services.ensure()
app = Celery("tasks", broker=services.redis_url)
exit_with_parent()
worker_process_init.connect(lambda **_: exit_with_parent(), weak=False)
"""


class Portal:
    """Runs commands of a small project in ``folder`` on a home."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self.runner = runner
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        folder.mkdir()
        for name, text in {"Procfile": PROCFILE, "web.py": WEB, "tasks.py": TASKS}.items():
            (folder / name).write_text(text)
        runner.environment |= {"DJANGO_SETTINGS_MODULE": "tests.embedded.portal_settings", "PORTAL_FOLDER": str(folder)}
        for name in ("DATABASE_URL", "REDIS_URL"):
            runner.environment.pop(name, None)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        return self.runner.start(sys.executable, "-m", "django", *command, **environment)

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        process = self.start(*command, **environment)
        output = process.communicate(timeout=60)[0]
        return process.returncode, output.strip()

    def up(self) -> subprocess.Popen[str]:
        """``up`` once web answers and the worker takes tasks."""
        process = self.start("up", "--no-demo", "--port", self.port)
        log = self.runner.home / "log" / "portal.log"
        log.unlink(missing_ok=True)
        assert eventually(self.answers, 30)
        assert eventually(lambda: " ready." in log.read_text(), 30)
        return process

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as response:
                return bool(response.status == 200)
        except OSError:
            return False


@pytest.fixture
def portal(runner: Runner, tmp_path: Path) -> Iterator[Portal]:
    portal = Portal(runner, tmp_path / "project")
    yield portal
    runner.close()


@pytest.mark.slow
def test_up_runs_all_and_ctrl_c_stops_all(portal: Portal, home: Path) -> None:
    for _ in range(2):  # the second time on the data of the first
        up = portal.up()
        assert portal.run("up", "--port", portal.port)[1].startswith("CommandError: another `manage.py up` runs")
        code, said = portal.run("stop")
        assert (code, said) == (1, "CommandError: `manage.py up` runs: stop it with Ctrl-C, or give --force")
        up.send_signal(signal.SIGINT)
        output = up.communicate(timeout=30)[0]
        assert up.returncode == 0, output
        assert "PostgreSQL  started" in output
        assert f"http://127.0.0.1:{portal.port}/" in output
        assert "Everything is stopped; the data stays in" in output
        assert not processes_of(home)


@pytest.mark.slow
def test_up_leaves_services_that_another_uses(portal: Portal, services: Services, runner: Runner) -> None:
    up = portal.up()
    user = runner.python("services.ensure(); print('in', flush=True); sys.stdin.read()")
    assert user.stdout is not None
    assert user.stdout.readline() == "in\n"
    up.send_signal(signal.SIGTERM)
    assert "Another process uses the embedded services" in up.communicate(timeout=30)[0]
    assert services.status().postgres
    user.kill()
    assert eventually(lambda: not services.status().postgres, 10)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["up", "worker", "postgres", "broker"])
def test_kill_9_of_any_part_leaves_nothing(portal: Portal, services: Services, home: Path, victim: str) -> None:
    up = portal.up()
    workers = [process for process in processes_of(home) if "celery" in process.cmdline()]
    main = next(process for process in workers if process.ppid() == up.pid)
    assert len(workers) == 3
    pids = {"up": up.pid, "worker": main.pid, "postgres": services.postgres.pid(), "broker": services.broker.pid()}
    psutil.Process(pids[victim]).kill()
    output = up.communicate(timeout=30)[0]
    assert up.returncode == (-9 if victim == "up" else 1)
    expected = {"up": "", "worker": "worker was killed by SIGKILL: stopping"}
    expected |= {"postgres": "PostgreSQL has stopped (see ", "broker": "Valkey has stopped (see "}
    assert expected[victim] in output
    assert eventually(lambda: not processes_of(home), 20), [process.cmdline() for process in processes_of(home)]


def test_up_refuses_a_port_in_use_before_it_starts_anything(portal: Portal, home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(portal.port)))
        taken.listen()
        code, output = portal.run("up", "--port", portal.port)
    assert (code, output) == (
        1,
        f"CommandError: port {portal.port} is in use: stop what uses it, or choose another with IPAI_PORT or --port",
    )
    assert not (home / "postgres").exists()


def test_dburl_starts_the_database_and_names_the_role(portal: Portal, services: Services) -> None:
    code, url = portal.run("dburl")
    assert (code, url) == (0, services.database_url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('CREATE ROLE "agent 1" LOGIN')
        connection.execute('CREATE ROLE "read er"')
        connection.execute('GRANT "read er" TO ipai WITH SET TRUE')
    for role, session in (("agent 1", "agent 1"), ("read er", "ipai")):
        with psycopg.connect(portal.run("dburl", "--role", role)[1]) as connection:
            assert connection.execute("SELECT current_user, session_user").fetchone() == (role, session)
    assert portal.run("dburl", "--role", "nobody here") == (1, "CommandError: there is no role nobody here in this database")


def test_dburl_of_a_database_of_ones_own_keeps_its_options(portal: Portal, services: Services) -> None:
    services.ensure_postgres()
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT reader TO ipai WITH SET TRUE")
    outside = f"{services.database_url}&options=-c%20statement_timeout%3D5s"
    assert portal.run("dburl", DATABASE_URL=outside) == (0, outside)
    code, url = portal.run("dburl", "--role", "reader", DATABASE_URL=outside)
    assert code == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user, session_user").fetchone() == ("reader", "ipai")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)


def test_stop(portal: Portal, home: Path) -> None:
    assert portal.run("stop") == (0, "Nothing was running")
    assert portal.run("dburl")[0] == 0
    assert portal.run("stop") == (0, "Stopped")
    assert not processes_of(home)


def test_django_starts_the_database_and_finds_it_again_after_a_crash(portal: Portal, runner: Runner) -> None:
    code = """
        import django, signal
        django.setup()
        from django.db import connection
        def ask():
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                return cursor.fetchone()[0]
        print(connection.vendor, ask())
        from django.conf import settings
        os.kill(settings.IPAI_SERVICES.postgres.pid(), signal.SIGKILL)
        connection.close()
        print(ask())
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        print(connection.settings_dict["NAME"], ask())
        connection.creation.destroy_test_db("ipai", verbosity=0)
    """
    process = runner.python(code)
    assert process.communicate(timeout=60)[0].splitlines() == ["postgresql ipai", "ipai", "test_ipai ipai"]


def test_a_process_of_up_does_not_hide_the_death_of_a_service(runner: Runner) -> None:
    process = runner.python("services.ensure()", IPAI_SUPERVISED="1")
    assert "ServiceError: PostgreSQL has stopped (see " in process.communicate(timeout=30)[0]
    assert process.returncode == 1
