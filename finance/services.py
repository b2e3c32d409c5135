"""Every write of the finance app: gold brought up to date with bronze, one transaction for each connector."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from finance.sql import statement
from ipai.clock import now

log = logging.getLogger(__name__)
RULES = 1
"""Counts up when the rules of the figures change: everything is then made again."""
WHOLE = 3
"""When more than one item in so many is touched, all are made again: that is faster."""

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
LAST = "SELECT refreshed_at, items, rules FROM ipai_gold_erp.refreshes WHERE _connector_id = %s"
# What a run has committed is older than its end: all of a run that ended before the last refresh began is in the figures.
RUNS = """
SELECT array_agg(id) FROM public.ipai_connector_run WHERE connector_id = %s AND (ended_at IS NULL OR ended_at >= %s)
"""
SAVE = """
INSERT INTO ipai_gold_erp.refreshes AS r (_connector_id, _tenant_id, refreshed_at, items, is_full, seconds, rules)
VALUES (%(connector)s, %(tenant)s, now(), %(items)s, %(full)s, %(seconds)s, %(rules)s)
ON CONFLICT (_connector_id) DO UPDATE SET
    refreshed_at = excluded.refreshed_at, items = excluded.items, is_full = excluded.is_full, seconds = excluded.seconds,
    rules = excluded.rules
"""
CONNECTORS = """
SELECT DISTINCT _connector_id, _tenant_id FROM ipai_bronze_erp.companies
UNION SELECT _connector_id, _tenant_id FROM ipai_gold_erp.refreshes
"""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: journal items counted (again), whether all were, and how long it took."""

    connector_id: UUID
    items: int
    full: bool
    seconds: float


def refresh(connector_id: UUID, tenant_id: UUID, *, full: bool = False) -> Refreshed:
    """Bring a connector's figures up to date with its bronze rows; ``full`` makes all of them again. Harmless when repeated.

    Readers see the figures of before until it is done. One refresh of a connector at a time.
    """
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [f"gold_erp {connector_id}"])
        cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
        values: dict[str, Any] = {"connector": connector_id, "tenant": tenant_id, "as_of": now().date(), "runs": None}
        touched = None if full else _touch(cursor, values)
        _run(cursor, "names", values)
        _run(cursor, "partners", values if touched is not None else values | {"runs": None})
        if touched is None:
            _count_all(cursor, values)
        elif touched:
            _count_touched(cursor, values)
        cursor.execute("DELETE FROM ipai_gold_erp.gates WHERE _connector_id = %s", [connector_id])
        _run(cursor, "gates", values)
        items = _items(cursor, connector_id)
        done = Refreshed(connector_id, items if touched is None else touched, touched is None, time.perf_counter() - began)
        counted = {"items": items, "full": done.full, "seconds": done.seconds, "rules": RULES}
        cursor.execute(SAVE, values | counted)
    log.info("Finance of connector %s: %d journal items counted in %.2f s", connector_id, done.items, done.seconds)
    return done


def refresh_all(*, full: bool = False) -> list[Refreshed]:
    """The same for every connector that has companies."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTORS)
        listed = cursor.fetchall()
    return [refresh(connector, tenant, full=full) for connector, tenant in listed]


def _touch(cursor: CursorWrapper, values: dict[str, Any]) -> int | None:
    """Find the items that changed since the last refresh; how many, or None when all must be made again. Sets ``runs``."""
    cursor.execute(LAST, [values["connector"]])
    last = cursor.fetchone()
    if last is None or last[2] != RULES:
        return None
    cursor.execute(RUNS, [values["connector"], last[0]])
    values["runs"] = cursor.fetchone()[0] or []
    _run(cursor, "touched", values)
    cursor.execute("SELECT count(*) FROM finance_touched")
    touched: int = cursor.fetchone()[0]
    return None if touched > 1000 and touched * WHOLE > last[1] else touched


def _count_touched(cursor: CursorWrapper, values: Mapping[str, Any]) -> None:
    items = _limited("items", "JOIN finance_touched AS t ON t.id = s.id")
    cursor.execute(statement("sums_changed").replace("{{items}}", items), values)
    cursor.execute(_limited("spans", "JOIN finance_touched AS t ON t.id = i.id"), values)


def _count_all(cursor: CursorWrapper, values: Mapping[str, Any]) -> None:
    cursor.execute(statement("sums_all").replace("{{items}}", _limited("items", "")), values)
    cursor.execute(_limited("spans", ""), values)
    cursor.execute("SET LOCAL enable_nestloop = on; ANALYZE ipai_gold_erp.open_spans")


def _limited(name: str, only: str) -> str:
    return statement(name).replace("{{only}}", only)


def _run(cursor: CursorWrapper, name: str, values: Mapping[str, Any]) -> None:
    cursor.execute(statement(name), values)


def _items(cursor: CursorWrapper, connector_id: UUID) -> int:
    cursor.execute("SELECT coalesce(sum(items), 0) FROM ipai_gold_erp.account_months WHERE _connector_id = %s", [connector_id])
    return int(cursor.fetchone()[0])
