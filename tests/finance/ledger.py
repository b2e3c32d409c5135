"""Ledgers by hand: bronze rows as a sync leaves them, reconciled as Odoo does it, and what a reader is told of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db import connection
from psycopg import sql
from psycopg.types.json import Jsonb

from connectors.models import ConnectorConfig, ConnectorRun
from finance import queries, scope, services
from finance.periods import Period
from ipai.access.models import Tenant
from ipai.access.sessions import Claims, governed

EUR, USD = 1, 2
CHART = {
    "bank": "asset_cash",
    "till": "asset_cash",
    "receivable": "asset_receivable",
    "payable": "liability_payable",
    "transfer": "asset_current",
    "equipment": "asset_fixed",
    "card": "liability_credit_card",
    "loan": "liability_non_current",
    "capital": "equity",
    "sales": "income",
    "gain": "income_other",
    "goods": "expense_direct_cost",
    "rent": "expense",
    "wear": "expense_depreciation",
    "loss": "expense_other",
    "guarantee": "off_balance",
}
CODES = {name: 1000 + place for place, name in enumerate(CHART)}


def d(text: str) -> date:
    return date.fromisoformat(text)


class Ledger:
    """One connector's bronze tables. ``sync`` ends a run, as the engine does, and refreshes gold."""

    def __init__(self, tenant: Tenant, name: str = "books") -> None:
        self.tenant = tenant
        self.connector = ConnectorConfig.objects.create(
            tenant=tenant, name=name, connector_type="odoo", config={"url": "https://erp.example.com", "database": "main"}
        )
        self.ids = itertools.count(1)
        self.lines: dict[int, dict[str, Any]] = {}
        self.partials: dict[int, dict[str, Any]] = {}
        self.run = ConnectorRun.objects.create(connector=self.connector, status="running")
        for key, code in ((EUR, "EUR"), (USD, "USD")):
            self.put("currencies", id=key, name=code, full_name=code, decimal_places=2, active=True)
        self.company(1)

    def company(self, key: int, currency: int = EUR, year_end: tuple[int, int] = (12, 31)) -> None:
        """A company with accounts of its own: the same chart, ids from key * 10000 on."""
        self.put(
            "companies",
            id=key,
            name=f"Company {key}",
            currency_id=currency,
            fiscalyear_last_month=str(year_end[0]),
            fiscalyear_last_day=year_end[1],
        )
        for name, kind in CHART.items():
            self.account(name, kind, key)

    def account(self, name: str, kind: str, company: int = 1, **more: Any) -> int:
        values = {"code": str(CODES[name]), "name": name, "account_type": kind, "company_ids": Jsonb([company])} | more
        return self.put("accounts", id=self.id_of(name, company), **values)

    def id_of(self, name: str, company: int = 1) -> int:
        return company * 10_000 + CODES[name]

    def put(self, table: str, **values: Any) -> int:
        """Write a row as the open run does."""
        row = {
            "_connector_id": self.connector.pk,
            "_tenant_id": self.tenant.pk,
            "_run_id": self.run.pk,
            "_deleted_at": None,
        } | values
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (_connector_id, id) DO UPDATE SET {}").format(
            sql.Identifier("ipai_bronze_erp", table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() for _ in row),
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in row),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, list(row.values()))
        return int(values["id"])

    def delete(self, table: str, key: int) -> None:
        """Mark a row as deleted, as the engine does."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE ipai_bronze_erp.{table} SET _deleted_at = now(), _run_id = %s WHERE _connector_id = %s AND id = %s",
                [self.run.pk, self.connector.pk, key],
            )

    def move(self, day: str, *items: tuple[Any, ...], kind: str = "entry", state: str = "posted", company: int = 1) -> list[int]:
        """An entry of items ``(account, amount, {more})``; debits positive. Returns the ids of its items."""
        move = next(self.ids)
        self.put("invoices", id=move, name=f"{kind}/{move}", date=d(day), state=state, move_type=kind, company_id=company)
        assert sum(Decimal(str(item[1])) for item in items) == 0, "an entry is balanced"
        return [self.item(move, day, *item, state=state, company=company) for item in items]

    def item(
        self,
        move: int,
        day: str,
        account: str,
        amount: Any,
        more: dict[str, Any] | None = None,
        state: str = "posted",
        company: int = 1,
    ) -> int:
        balance, more, key = Decimal(str(amount)), more or {}, next(self.ids)
        currency = more.get("currency_id", EUR)
        foreign = Decimal(str(more.get("amount_currency", amount)))
        kept = CHART.get(account) in ("asset_receivable", "liability_payable") and state == "posted"
        self.lines[key] = {
            "id": key,
            "move_id": move,
            "parent_state": state,
            "company_id": company,
            "account_id": self.id_of(account, company),
            "date": d(day),
            "date_maturity": None,
            "debit": max(balance, Decimal(0)),
            "credit": max(-balance, Decimal(0)),
            "balance": balance,
            "partner_id": None,
            "amount_residual": balance if kept else Decimal(0),
            "amount_residual_currency": foreign if kept else Decimal(0),
        } | {**more, "currency_id": currency, "amount_currency": foreign}
        for name in ("date", "date_maturity"):
            if isinstance(self.lines[key][name], str):
                self.lines[key][name] = d(self.lines[key][name])
        return self.put("journal_entries", **self.lines[key])

    def change(self, key: int, **values: Any) -> None:
        """Write an item again with other values."""
        self.lines[key] |= values
        self.put("journal_entries", **self.lines[key])

    def settle(self, debit: int, credit: int, amount: Any, day: str, foreign: tuple[Any, Any] | None = None) -> int:
        """Reconcile so much of two items on a day, as Odoo does: residuals go down, a partial reconcile says when."""
        amount, key = Decimal(str(amount)), next(self.ids)
        debit_foreign, credit_foreign = (Decimal(str(one)) for one in foreign or (amount, amount))
        self.partials[key] = {
            "id": key,
            "debit_move_id": debit,
            "credit_move_id": credit,
            "amount": amount,
            "debit_amount_currency": debit_foreign,
            "credit_amount_currency": credit_foreign,
            "max_date": d(day),
        }
        self.put("partial_reconciles", **self.partials[key])
        self._residual(debit, -amount, -debit_foreign)
        self._residual(credit, amount, credit_foreign)
        return key

    def unsettle(self, key: int) -> None:
        """Take a reconciliation back: Odoo deletes it and the residuals rise."""
        partial = self.partials.pop(key)
        self._residual(partial["debit_move_id"], partial["amount"], partial["debit_amount_currency"])
        self._residual(partial["credit_move_id"], -partial["amount"], -partial["credit_amount_currency"])
        self.delete("partial_reconciles", key)

    def _residual(self, key: int, amount: Decimal, foreign: Decimal) -> None:
        line = self.lines[key]
        self.change(
            key,
            amount_residual=line["amount_residual"] + amount,
            amount_residual_currency=line["amount_residual_currency"] + foreign,
        )

    def sync(self, *, proof: dict[str, Any] | None = None, full: bool = False) -> services.Refreshed:
        """End the run and refresh; the next change belongs to a new run."""
        self.run.status, self.run.ended_at = "success", TransactionNow()
        self.run.metadata = {
            "proof": proof or {"ok": True, "differences": [], "at": "2026-11-23T10:00:00+00:00", "streams": {"journal_entries": {}}}
        }
        self.run.save()
        done = services.refresh(self.connector.pk, self.tenant.pk, full=full)
        self.run = ConnectorRun(pk=uuid.uuid4(), connector=self.connector, status="running")
        ConnectorRun.objects.filter(connector=self.connector, ended_at=None).delete()
        self.run.save(force_insert=True)
        return done

    # what a reader of gold is told

    @contextmanager
    def reader(self, *roles: str, tenant: str = "") -> Iterator[Any]:
        with governed(Claims("reader", tenant or self.tenant.slug, roles or ("bi_developer",))) as cursor:
            yield cursor

    def profit_and_loss(self, first: str, last: str, company: int | None = 1, currency: str | None = None, **more: Any) -> Any:
        with self.reader() as cursor:
            found = scope.groups(cursor, scope.companies(cursor, company), d(last), currency)
            return queries.profit_and_loss(cursor, found, Period(d(first), d(last)), **more)[0]

    def balance_sheet(self, day: str, company: int | None = 1, currency: str | None = None) -> Any:
        with self.reader() as cursor:
            found = scope.groups(cursor, scope.companies(cursor, company), d(day), currency)
            return queries.balance_sheet(cursor, found, d(day))[0]

    def cashflow(self, first: str, last: str, company: int | None = 1) -> Any:
        with self.reader() as cursor:
            found = scope.groups(cursor, scope.companies(cursor, company), d(last))
            return queries.cashflow(cursor, found, Period(d(first), d(last)))[0]

    def aging(self, kind: str, day: str, company: int | None = 1, **more: Any) -> Any:
        with self.reader() as cursor:
            return queries.aging(cursor, scope.groups(cursor, scope.companies(cursor, company), d(day)), kind, d(day), **more)[0]

    def trial_balance(self, day: str, company: int | None = 1) -> Any:
        with self.reader() as cursor:
            return queries.trial_balance(cursor, scope.groups(cursor, scope.companies(cursor, company), d(day)), d(day))[0]
