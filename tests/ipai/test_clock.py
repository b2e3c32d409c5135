"""The clock that figures go by."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from ipai.clock import now
from ipai.environment import moment

ROOT = Path(__file__).resolve().parents[2]


def test_now_is_the_systems_unless_it_is_fixed(settings: Any) -> None:
    settings.IPAI_NOW = None
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=10)
    settings.IPAI_NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert now() == now() == datetime(2026, 1, 31, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T10:00:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_an_instant_in_a_variable(text: str, found: datetime | None) -> None:
    assert moment("IPAI_NOW", text) == found


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "1969-12-31", "2201-01-01"]
)
def test_a_bad_instant_is_one_line_that_names_the_variable(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="IPAI_NOW must be an instant like"):
        moment("IPAI_NOW", text)


def test_a_bad_instant_stops_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "speckit", "."],
        cwd=ROOT,
        env=os.environ | {"IPAI_NOW": "soon"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "IPAI_NOW must be an instant" in done.stderr
