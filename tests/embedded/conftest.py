"""Real servers in homes of their own. Each test ends with no process of its home left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipai.embedded.services import Services
from tests.embedded.homes import Runner, eventually, processes_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a space and a letter outside ASCII in its path; nothing of it may outlive the test."""
    monkeypatch.setenv("IPAI_EMBEDDED_FSYNC", "0")
    place = tmp_path / "här e"
    yield place
    Services(place).stop()
    eventually(lambda: not processes_of(place), 3)
    left = processes_of(place)
    for process in left:
        process.kill()
    assert not left, [process.cmdline() for process in left]


@pytest.fixture
def services(home: Path) -> Services:
    return Services(home)


@pytest.fixture
def runner(home: Path) -> Iterator[Runner]:
    runner = Runner(home)
    yield runner
    runner.close()
