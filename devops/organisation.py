"""Figures over all repositories that the caller sees together; what is summed and what is not is in ``docs/devops.md``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.backends.utils import CursorWrapper

from devops.gold.rows import statement
from devops.queries import Row, plain, with_levels
from ipai.clock import now

WEEKS = 12
"""Weeks of runs, the current one among them."""


def ci_weeks(cursor: CursorWrapper, repository: str | None = None, connector: str | None = None) -> list[Row]:
    """The last weeks in which anything ran, oldest first.

    ``{"period": "2026-W08", "runs", "counted", "success_rate", "duration_p50_s", "duration_p95_s"}``
    """
    monday = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now().weekday())
    return _rows(
        cursor,
        "organisation_weeks",
        {"since": monday - timedelta(weeks=WEEKS - 1), "now": now(), "repository": repository, "connector": connector},
    )


def dora(cursor: CursorWrapper) -> list[Row]:
    """The months, oldest first, then the whole window, as :func:`devops.queries.with_levels` gives them; ``repository`` is None."""
    return [with_levels(row) for row in _rows(cursor, "organisation_dora", {}) if row["days"] is not None]


def _rows(cursor: CursorWrapper, name: str, values: dict[str, Any]) -> list[Row]:
    cursor.execute(statement(name), values)
    names = [column[0] for column in cursor.description]
    return [plain(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
