"""Simulated vendors, where ``IPAI_SIMS`` names the folder that holds them. Without it these tests do not apply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.github import GitHubServer

SIMS = os.environ.get("IPAI_SIMS", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the folder out of a run without simulators, instead of reporting skips."""
    if not SIMS:
        items[:] = [item for item in items if Path(__file__).parent not in item.path.parents]


class OdooServer:
    """A running simulated Odoo."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, str(Path(SIMS) / "odoo.py"), "--port", "0", "--db", "main", "--user", "admin"]
        self.process = subprocess.Popen(
            [*command, "--password", "demo-secret-1", "--api-key", "demo-key-1", *options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def truth(self) -> dict[str, Any]:
        """The right figures of the data as it is now."""
        found: dict[str, Any] = httpx.get(f"{self.url}/_sim/truth", timeout=120).json()
        return found

    def stats(self) -> dict[str, Any]:
        """How it was asked and which faults it made."""
        found: dict[str, Any] = httpx.get(f"{self.url}/_sim/stats", timeout=30).json()
        return found

    def call(self, model: str, method: str, *arguments: Any, **named: Any) -> Any:
        """A call as the administrator, by JSON-RPC."""
        parameters = ["main", 2, "demo-secret-1", model, method, list(arguments), named]
        body = {"jsonrpc": "2.0", "params": {"service": "object", "method": "execute_kw", "args": parameters}}
        answer = httpx.post(f"{self.url}/jsonrpc", json=body, timeout=60).json()
        assert "error" not in answer, json.dumps(answer)[:1000]
        return answer.get("result")

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def github_server() -> Iterator[Any]:
    """Start simulated GitHubs: ``github_server("--fault", "http502@9")``."""
    running: list[GitHubServer] = []

    def start(*options: str) -> GitHubServer:
        running.append(GitHubServer(SIMS, *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def odoo_server() -> Iterator[Any]:
    """Start simulated Odoos: ``odoo_server("--fault", "http500@3")``."""
    running: list[OdooServer] = []

    def start(*options: str) -> OdooServer:
        running.append(OdooServer(*options))
        return running[-1]

    yield start
    for server in running:
        server.stop()
