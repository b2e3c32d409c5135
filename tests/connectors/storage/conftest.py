"""A client as the engine makes it, with quick retries, and scratch that must be empty at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.contract import Client
from connectors.engine import client as engine_client

MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    monkeypatch.setattr(engine_client, "BACKOFF_SECONDS", 0.01)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made: list[Client] = []

    def make(private: bool = True, roots: tuple[Path, ...] = (), stopping: Callable[[], bool] = lambda: False) -> Client:
        log = logging.getLogger("run")
        http = engine_client.build_http(log, private, stopping)
        made.append(Client(http, scratch, log, files_roots=roots, allow_private_urls=private, stopping=stopping))
        return made[-1]

    yield make
    for client in made:
        client.http.close()
    assert list(scratch.iterdir()) == [], "scratch is empty after the run"
