"""The API as users meet it: a real web process, and the documentation's own commands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.cache import cache

from ipai.access import services
from ipai.access.models import ApiToken
from tests.connectors.api.conftest import SECRET
from tests.connectors.api.test_secrets import assert_clean
from tests.support.processes import ROOT, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@contextmanager
def web(environment: dict[str, str], log: Path) -> Iterator[str]:
    """A web process on the test database: its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "ipai.asgi:application", "--port", str(port), "--lifespan", "off"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{address}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(answers, 30, "the web process")
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def portal(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web process: (address, its log)."""
    log = tmp_path / "web.log"
    with web(environment, log) as address:
        yield address, log


def token(role: str) -> str:
    from ipai.access.models import Tenant

    return services.create_token(tenant=Tenant.objects.get(slug="default"), name=role, roles=[role], actor_name="tester")[1]


def test_over_http(portal: tuple[str, Path]) -> None:
    address, log = portal
    plain = token("data_engineer")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {plain}"}, timeout=20) as client:
        body: dict[str, Any] = {
            "name": "live",
            "connector_type": "files",
            "config": {"path": str(ROOT / "connectors/demo/none.csv"), "table": "live"},
            "secrets": {"token": SECRET},
        }
        assert client.post("/api/v1/connectors/", json=body).status_code == 201
        checked = client.post("/api/v1/connectors/live/check/")
        assert checked.status_code == 200, checked.text + log.read_text()
        assert checked.json()["ok"] is False
        run = client.post("/api/v1/rpc/run_connector", json={"connector": "live"})
        assert run.status_code == 202
        assert client.get(run.headers["Location"]).json()["status"] == "queued"
        assert client.get("/readyz").json() == {"status": "ready", "failed": []}
        assert "ipai_runs_open 1.0" in client.get("/metrics").text
        for path, status in (("/api/v1/nothing/", 404), ("/api/v1/connectors/?x=1", 400)):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        huge = client.post("/api/v1/connectors/", content=b"[" * (2 << 20), headers={"Content-Type": "application/json"})
        assert huge.status_code == 413
    text = log.read_text()
    assert plain not in text
    assert_clean(text, "the web process's log")


def test_requests_are_counted_over_all_web_processes(portal: tuple[str, Path], environment: dict[str, str], tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {token('operator')}"}
    key = ApiToken.objects.get().pk
    for minute in (0, 1):  # two requests are left, whichever minute it is
        cache.set(f"throttle:TokenPrincipal:{key}:{int(time.time() // 60) + minute}", 1198, 120)
    with web(environment, tmp_path / "second.log") as second:
        addresses = [portal[0], second, portal[0], second]
        answers = [httpx.get(f"{address}/api/v1/source-types/", headers=headers).status_code for address in addresses]
    assert answers == [200, 200, 429, 429]


def test_without_the_broker_nobody_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    away = environment | {"REDIS_URL": f"redis+socket://{tmp_path}/none.sock?virtual_host=0"}
    headers = {"Authorization": f"Bearer {token('operator')}"}
    with web(away, tmp_path / "web.log") as address:
        assert httpx.get(f"{address}/api/v1/source-types/", headers=headers).status_code == 200
    assert "Requests are not counted" in (tmp_path / "web.log").read_text()


def test_the_documentations_commands_work(portal: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = portal
    blocks = re.findall(r"```sh run\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    assert len(blocks) >= 6
    env = os.environ | {"TOKEN": token("data_engineer"), "PORTAL": address}
    for block in blocks:
        done = subprocess.run(["bash", "-euc", block], env=env, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        assert done.stdout.startswith(("{", "["))
