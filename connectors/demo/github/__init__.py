"""A fake GitHub with a made-up organisation: for the demo in-process, for tests behind a loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from connectors.demo.github.model import Organisation
from connectors.demo.github.server import FakeGitHub
from connectors.demo.github.story import demo_organisation
from connectors.demo.github.wire import Call, Response

__all__ = ["app"]

building = threading.Lock()


@lru_cache(maxsize=2)
def organisation_at(hour: datetime) -> Organisation:
    """The demo's organisation at the beginning of an hour; shared, so nobody may change it."""
    return demo_organisation(hour)


def utcnow() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def app(now: Callable[[], datetime] = utcnow) -> FakeGitHub:
    """The demo's GitHub, which follows the clock ``now`` (aware) by the hour: every process shows the same one."""

    def current() -> Organisation:
        with building:
            return organisation_at(now().replace(minute=0, second=0, microsecond=0))

    fake = FakeGitHub(current(), limit=1_000_000)

    def follow(call: Call) -> Response | None:
        fake.calls.clear()
        fake.organisation = current()
        return None

    fake.before.append(follow)
    return fake
