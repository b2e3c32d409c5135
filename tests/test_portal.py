"""The whole portal as a newcomer gets it: `up` on an empty home, then a program, a shell and SQL use it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from tests.support.processes import ROOT, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


class Portal:
    """One `manage.py up` in a process of its own."""

    def __init__(self, home: Path) -> None:
        outside = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "IPAI_VAULT_KEYS")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {name: value for name, value in os.environ.items() if name not in outside}
        self.environment |= {"IPAI_HOME": str(home), "IPAI_PORT": str(self.port)}
        self.home, self.url = home, f"http://127.0.0.1:{self.port}"
        self.log = home.parent / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(self.ready, 120, f"a ready portal ({self.log})")
        return time.monotonic() - began

    def ready(self) -> bool:
        """Whether /readyz says so."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside the running portal."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    def processes(self) -> list[psutil.Process]:
        """Every living process that belongs to this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("IPAI_HOME") == str(self.home) or str(self.home) in " ".join(process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def stop(self) -> None:
        """Whatever state it is in, nothing of it stays."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
        for process in self.processes():
            process.kill()


@pytest.fixture
def portal(tmp_path):
    made = Portal(tmp_path / "home")
    yield made
    made.stop()


def test_from_an_empty_home_to_rows_by_every_road(portal):
    portal.start()
    shown = portal.log.read_text()
    assert re.search(r"First login: admin / \S+", shown), shown
    token = json.loads(portal.manage("createtoken", "robot", "--roles", "data_engineer", "--json").stdout)["token"]
    with httpx.Client(base_url=f"{portal.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=10) as api:
        listed = api.get("connectors/").json()["results"]
        assert "demo-orders" in {connector["name"] for connector in listed}

        answer = api.post("rpc/run_connector", json={"connector": "demo-orders", "mode": "full"})
        assert answer.status_code == 202, answer.text
        run_id = answer.json()["run_id"]
        run = wait_for(lambda: ended(api.get(f"connector-runs/{run_id}/").json()), 30, "the run started by API")
        assert run["status"] == "success"
        assert run["streams"][0]["read"] == 2000

        with psycopg.connect(portal.manage("dburl").stdout.strip()) as database:
            claims = {"sub": "somebody", "role": "authenticated", "app_metadata": {"tenant": "default", "ipai_roles": ["operator"]}}
            database.execute("SELECT set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            database.execute("SET LOCAL ROLE ipai_user")
            (queued,) = database.execute("SELECT public.run_connector('demo-customers', 'full')").fetchone()
        run = wait_for(lambda: ended(api.get(f"connector-runs/{queued}/").json()), 30, "the run queued in SQL")
        assert (run["status"], run["trigger"]) == ("success", "api")

        portal.process.send_signal(signal.SIGINT)
        assert portal.process.wait(timeout=60) == 0
        wait_for(lambda: not portal.processes(), 15, "the end of every process")
        assert portal.start() < 30
        assert len(api.get("connector-runs/").json()["results"]) == 10
        assert "First login: admin /" not in portal.log.read_text()[len(shown) :]


@pytest.mark.parametrize("victim", ["celery", "uvicorn"])
def test_a_killed_part_stops_all_and_the_next_start_recovers(portal, victim):
    portal.start()
    prey = next(one for one in portal.processes() if victim in " ".join(one.cmdline()))
    prey.kill()
    assert portal.process.wait(timeout=60) == 1
    wait_for(lambda: not portal.processes(), 15, "the end of every process")
    portal.start()


def ended(run: dict) -> dict | None:
    """The run when it has ended."""
    return run if run["status"] in ("success", "failed", "cancelled") else None
