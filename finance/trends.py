"""How cash and open items moved: balances at the ends of days, for charts and comparisons. Cursors hold the caller's rights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

from finance.definitions import KINDS
from finance.periods import DAY, Period
from finance.queries import NONE, WANTED, cash_series
from finance.scope import Group

OPEN = f"""
SELECT d.number, k.kind, w.connector, w.company, sum(o.residual), coalesce(sum(o.residual) FILTER (WHERE o.due < d.day), 0)
FROM {WANTED}
CROSS JOIN unnest(%(days)s::date[]) WITH ORDINALITY AS d (day, number)
CROSS JOIN unnest(%(kinds)s::text[]) AS k (kind)
CROSS JOIN LATERAL ipai_gold_erp.open_at(w.connector, w.company, k.kind, d.day) AS o
GROUP BY d.number, k.kind, w.connector, w.company
"""  # noqa: S608


class Owed(NamedTuple):
    """What was open at the end of a day, and how much of it was overdue; owed to us and by us are both positive."""

    total: Decimal
    overdue: Decimal


def cash(cursor: CursorWrapper, group: Group, days: Sequence[date]) -> list[Decimal]:
    """The balance of cash accounts at the end of each of these days, which ascend."""
    begins = [days[0], *(day + DAY for day in days[:-1])]
    (entry,) = cash_series(cursor, [group], [Period(begin, day) for begin, day in zip(begins, days, strict=True)])
    return [period["closing"] for period in entry["periods"]]


def owed(cursor: CursorWrapper, group: Group, days: Sequence[date]) -> dict[str, list[Owed]]:
    """For receivables and payables what was open at the end of each of these days."""
    cursor.execute(OPEN, group.keys | {"days": list(days), "kinds": list(KINDS)})
    found = {kind: [Owed(NONE, NONE) for _ in days] for kind in KINDS}
    for number, kind, connector, company, total, overdue in cursor.fetchall():
        rate = group.factor(connector, company) * (-1 if kind == "payable" else 1)
        before = found[kind][number - 1]
        found[kind][number - 1] = Owed(before.total + total * rate, before.overdue + overdue * rate)
    return found
