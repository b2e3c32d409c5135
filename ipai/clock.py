"""The instant that counts as now for figures and pages: the system's, or the one that ``IPAI_NOW`` fixes."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings


def now() -> datetime:
    """Now in UTC. Leases, sessions and tokens do not ask here: they run by the real clock."""
    fixed: datetime | None = settings.IPAI_NOW
    return fixed or datetime.now(UTC)
