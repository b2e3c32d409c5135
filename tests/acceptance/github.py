"""A running simulated GitHub, and what it holds object by object."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

TOKEN = "sim-token-1"
LISTS = {
    "workflows": ("actions/workflows", "workflows"),
    "workflow_runs": ("actions/runs", "workflow_runs"),
    "deployments": ("deployments", None),
    "releases": ("releases", None),
    "commits": ("commits", None),
    "issues": ("issues?state=all", None),
    "pull_requests": ("pulls?state=all", None),
}
COUNTED = {
    "issues": "issues_without_pulls",
    "pull_requests": "pulls",
    "pull_request_commits": "pull_commits",
    "reviews": "reviews",
    "workflows": "workflows",
    "workflow_runs": "runs",
    "workflow_jobs": "jobs_all",
    "deployments": "deployments",
    "deployment_statuses": "deployment_statuses",
    "commits": "commits",
    "releases": "releases",
}
"""Our table: the simulator's word for it."""


class GitHubServer:
    """A simulated GitHub on a free port."""

    def __init__(self, sims: str, *options: str) -> None:
        command = [sys.executable, str(Path(sims) / "github.py"), "--port", "0", "--token", TOKEN]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def control(self, method: str, what: str) -> Any:
        """Ask the simulation itself."""
        return httpx.request(method, f"{self.url}/_sim/{what}", timeout=300).raise_for_status().json()

    def truth(self) -> dict[str, Any]:
        """The right figures of the data as it is now."""
        found: dict[str, Any] = self.control("GET", "truth")
        return found

    def met(self, faults: Iterable[str]) -> bool:
        """Whether so many requests were made that all of these faults (``http502@7``) have come about."""
        numbers = [int(found) for fault in faults for found in re.findall(r"[@-](\d+)", fault)]
        return bool(self.control("GET", "state")["requests"] >= max(numbers, default=0))

    def used(self) -> int:
        """Requests that counted against the limit."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return int(httpx.get(f"{self.url}/rate_limit", headers=headers).json()["rate"]["used"])

    def all(self, path: str, wrap: str | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a list."""
        following: str | None = f"{self.url}/{path}{'&' if '?' in path else '?'}per_page=100"
        while following:
            answer = httpx.get(following, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60, follow_redirects=True)
            found = answer.raise_for_status().json()
            yield from found[wrap] if wrap else found
            following = answer.links.get("next", {}).get("url")

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
