"""The finance figures at a million journal items: reports over the API beside a plain GROUP BY, refreshes, a full rebuild.

``python -m bench.finance`` measures this alone and writes its section of the report.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from bench.report import write_section

FIRST, DAYS = date(2022, 1, 1), 1788
REQUESTS, PLAIN = 60, 7
REPORT_BAR, REBUILD_BAR = 100, 30
CHANGED = (10, 1_000, 10_000)

# Ten items make a group: an invoice, its payment, a bill, its payment. One in twenty is not paid.
META = "%(connector)s, %(tenant)s, %(run)s"
MAKE = f"""
INSERT INTO ipai_bronze_erp.currencies (_connector_id, _tenant_id, _run_id, id, name, decimal_places) VALUES ({META}, 1, 'EUR', 2);
INSERT INTO ipai_bronze_erp.companies
    (_connector_id, _tenant_id, _run_id, id, name, currency_id, fiscalyear_last_month, fiscalyear_last_day)
VALUES ({META}, 1, 'Bench', 1, '12', 31);
INSERT INTO ipai_bronze_erp.accounts (_connector_id, _tenant_id, _run_id, id, code, name, account_type)
SELECT {META}, n, (100000 + n)::text, 'Account ' || n, CASE
    WHEN n <= 3 THEN 'asset_cash' WHEN n = 4 THEN 'asset_receivable' WHEN n = 5 THEN 'liability_payable'
    WHEN n <= 7 THEN 'liability_current' WHEN n <= 27 THEN 'income' WHEN n <= 37 THEN 'expense_direct_cost' ELSE 'expense' END
FROM generate_series(1, 80) AS n;
INSERT INTO ipai_bronze_erp.partners (_connector_id, _tenant_id, _run_id, id, name)
SELECT {META}, n, 'Partner ' || n FROM generate_series(1, 2000) AS n;
CREATE TEMPORARY TABLE bench_groups ON COMMIT DROP AS
SELECT g, 1000 + (g * 7919 %% 90000)::numeric AS amount, (g * 31 %% 2000) + 1 AS partner, day, day + 30 AS due,
       least(day + (g * 13 %% 60)::int, %(last)s) AS paid, g %% 20 <> 0 AS is_paid
FROM generate_series(1, %(groups)s::bigint) AS g, LATERAL (SELECT %(first)s + (g * 104729 %% %(days)s)::int AS day) AS d;
INSERT INTO ipai_bronze_erp.invoices (_connector_id, _tenant_id, _run_id, id, name, state, move_type, date)
SELECT {META}, g * 4 + m.n, m.kind || '/' || g, 'posted', m.kind, CASE WHEN m.n %% 2 = 0 THEN day ELSE paid END
FROM bench_groups, (VALUES (0, 'out_invoice'), (1, 'entry'), (2, 'in_invoice'), (3, 'entry')) AS m (n, kind);
INSERT INTO ipai_bronze_erp.journal_entries (_connector_id, _tenant_id, _run_id, id, move_id, move_name, parent_state, company_id,
    account_id, partner_id, currency_id, date, date_maturity, name, debit, credit, balance, amount_currency, amount_residual,
    amount_residual_currency, _raw)
SELECT {META}, g * 10 + i.n, g * 4 + i.move, 'M/' || g, 'posted', 1, i.account, partner, 1,
       CASE WHEN i.move %% 2 = 0 THEN day ELSE paid END, due, 'Item ' || i.n, greatest(i.share * amount, 0),
       greatest(-i.share * amount, 0), i.share * amount, i.share * amount,
       CASE WHEN i.account IN (4, 5) AND NOT is_paid THEN i.share * amount ELSE 0 END,
       CASE WHEN i.account IN (4, 5) AND NOT is_paid THEN i.share * amount ELSE 0 END,
       jsonb_build_object('id', g * 10 + i.n, 'more', (SELECT string_agg(md5((g * k)::text), '') FROM generate_series(1, 12) AS k))
FROM bench_groups, LATERAL (VALUES
    (0, 0, 4, 1.2), (1, 0, 8 + (g %% 20)::int, -1), (2, 0, 6, -0.2), (3, 1, 1 + (g %% 3)::int, 1.2), (4, 1, 4, -1.2),
    (5, 2, 5, -0.6), (6, 2, 28 + (g %% 53)::int, 0.5), (7, 2, 7, 0.1), (8, 3, 1 + (g %% 3)::int, -0.6), (9, 3, 5, 0.6)
) AS i (n, move, account, share);
INSERT INTO ipai_bronze_erp.partial_reconciles (_connector_id, _tenant_id, _run_id, id, debit_move_id, credit_move_id, amount,
    debit_amount_currency, credit_amount_currency, max_date)
SELECT {META}, g * 2 + p.n, g * 10 + p.debit, g * 10 + p.credit, p.share * amount, p.share * amount, p.share * amount, paid
FROM bench_groups, (VALUES (0, 0, 4, 1.2), (1, 9, 5, 0.6)) AS p (n, debit, credit, share) WHERE is_paid;
"""
CHANGE = """
UPDATE ipai_bronze_erp.journal_entries SET _run_id = %(run)s, name = name || '*' WHERE _connector_id = %(connector)s AND id IN (
    SELECT ((n * 7919) %% %(groups)s + 1) * 10 + n %% 10 FROM generate_series(1, %(count)s) AS n
)
"""
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('ipai_bronze_erp', 'ipai_gold_erp')
"""
PLAIN_SUMS = """
SELECT account_id, sum(balance) FROM ipai_bronze_erp.journal_entries
WHERE _connector_id = %(connector)s AND _deleted_at IS NULL AND parent_state = 'posted' AND date <= %(day)s GROUP BY account_id
"""
ROUTES: dict[str, Callable[[date], str]] = {
    "profit and loss, a year by month": lambda day: f"profit-and-loss?from={day - timedelta(days=364)}&to={day}&period=month",
    "balance sheet": lambda day: f"balance-sheet?as_of={day}",
    "trial balance": lambda day: f"trial-balance?as_of={day}",
    "cash flow, a year": lambda day: f"cashflow?from={day - timedelta(days=364)}&to={day}",
    "aged receivables": lambda day: f"aging?kind=receivable&as_of={day}",
    "aged payables": lambda day: f"aging?kind=payable&as_of={day}",
    "open items, a page of 100": lambda day: f"open-items?as_of={day}",
}


class Finance:
    """A ledger of a tenant of its own, made in bronze and taken away afterwards."""

    def __init__(self, items: int) -> None:
        from django.test import Client

        from connectors.models import ConnectorConfig
        from ipai.access.services import create_tenant, create_token

        self.client = Client()
        name = f"bench-{uuid.uuid4().hex[:8]}"
        self.groups = items // 10
        self.tenant = create_tenant(name, name, actor_name="bench")
        self.connector = ConnectorConfig.objects.create(tenant=self.tenant, name=name, connector_type="odoo", config={})
        self.token = create_token(tenant=self.tenant, name=name, roles=("auditor",), actor_name="bench")[1]
        self.values = {"connector": self.connector.pk, "tenant": self.tenant.pk, "groups": self.groups}

    def make(self) -> None:
        """The bronze rows, by one run."""
        self.execute(MAKE, first=FIRST, last=FIRST + timedelta(days=DAYS), days=DAYS)

    def execute(self, statement: str, **more: Any) -> None:
        """Run a statement as a run that has just ended."""
        from django.db import connection, transaction
        from django.db.models.functions import Now

        from connectors.models import ConnectorRun

        with transaction.atomic(), connection.cursor() as cursor:
            run = ConnectorRun.objects.create(connector=self.connector, status="running")
            cursor.execute(statement, self.values | more | {"run": run.pk})
        ConnectorRun.objects.filter(pk=run.pk).update(status="success", ended_at=Now())

    def refresh(self, *, full: bool = False) -> float:
        """Seconds of a refresh."""
        from finance.services import refresh

        return refresh(self.connector.pk, self.tenant.pk, full=full).seconds

    def changed(self, count: int) -> float:
        """Seconds to refresh after so many items changed."""
        self.execute(CHANGE, count=count)
        return self.refresh()

    def report(self, path: str) -> float:
        """Milliseconds of one answer of the API, everything included that a request passes through."""
        began = time.perf_counter()
        response = self.client.get(f"/api/v1/finance/{path}", HTTP_AUTHORIZATION=f"Bearer {self.token}")
        took = (time.perf_counter() - began) * 1000
        if response.status_code != 200 or not response.content:
            raise SystemExit(f"{path}: {response.status_code} {response.content[:300]!r}")
        return took

    def plain(self, day: date) -> float:
        """Milliseconds of summing up all journal items, by the tables' owner."""
        from django.db import connection

        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(PLAIN_SUMS, self.values | {"day": day})
            cursor.fetchall()
            return (time.perf_counter() - began) * 1000

    def remove(self) -> None:
        """Take everything away."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            for (table,) in cursor.fetchall():
                cursor.execute(f"DELETE FROM {table} WHERE _connector_id = %s", [self.connector.pk])
        self.connector.delete()
        self.tenant.tokens.all().delete()


def measure(items: int) -> dict[str, Any]:
    """Everything once; days are drawn from the whole ledger, each route and the plain sums in turn."""
    from django.conf import settings

    import ipai.asgi  # noqa: F401  (as the web process begins)

    settings.ALLOWED_HOSTS = ["*"]
    settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["principal"] = None
    chance, ledger = random.Random(5), Finance(items)
    try:
        ledger.make()
        rebuilds = [ledger.refresh(full=True) for _ in range(3)]
        taken: dict[str, list[float]] = {name: [] for name in ROUTES}
        plain: list[float] = []
        for turn in range(REQUESTS):
            day = FIRST + timedelta(days=chance.randrange(400, DAYS))
            for name, path in ROUTES.items():
                taken[name].append(ledger.report(path(day)))
            if turn % (REQUESTS // PLAIN) == 0:
                plain.append(ledger.plain(day))
        changed = {count: ledger.changed(count) for count in CHANGED}
        return {"taken": taken, "plain": plain, "changed": changed, "rebuilds": rebuilds}
    finally:
        with suppress(KeyboardInterrupt):
            ledger.remove()


def render(found: dict[str, Any], items: int) -> list[str]:
    """The section of the report as Markdown."""
    plain = statistics.median(found["plain"])
    lines = [
        "## Finance",
        "",
        f"{items:,} journal items over five years, 80 accounts, 2,000 partners (`bench/finance.py`), each figure on {REQUESTS}",
        "days of the ledger, one request after the other through the whole portal with row level security on.",
        "Beside it, in the same run, a plain `GROUP BY account_id` over all journal items in bronze by their owner:",
        f"{plain:,.0f} ms (median of {len(found['plain'])}).",
        "",
        f"| API | median ms | p95 ms (bar {REPORT_BAR}) | plain ÷ p95 |",
        "| --- | --- | --- | --- |",
    ]
    for name, times in found["taken"].items():
        high = statistics.quantiles(times, n=20)[-1]
        lines.append(f"| {name} | {statistics.median(times):.0f} | {high:.0f} | {plain / high:.1f} |")
    lines += ["", "| refresh after a sync | seconds |", "| --- | --- |"]
    lines += [f"| {count:,} items changed | {seconds:.2f} |" for count, seconds in found["changed"].items()]
    rebuild = statistics.median(found["rebuilds"])
    lines += [f"| everything again (bar {REBUILD_BAR}, median of {len(found['rebuilds'])}) | {rebuild:.1f} |", ""]
    return lines


def main() -> None:
    """Measure finance alone and put its section into the report."""
    options = argparse.ArgumentParser(prog="python -m bench.finance", description=__doc__)
    options.add_argument("--items", type=int, default=1_000_000)
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
    import django

    django.setup()
    section = "\n".join(render(measure(chosen.items), chosen.items))
    write_section("finance", section)
    print(section)


if __name__ == "__main__":
    main()
