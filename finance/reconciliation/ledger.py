"""Reads a connector's ledger from bronze into what the engine works on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from finance.reconciliation import statements
from finance.reconciliation.history import History, Tie, Truth
from finance.reconciliation.records import BankLine, Discount, Kind, Market, OpenItem, Partner

KINDS: Mapping[str, Kind] = {
    "out_invoice": "invoice",
    "out_receipt": "invoice",
    "in_invoice": "bill",
    "in_receipt": "bill",
    "out_refund": "credit_note",
    "in_refund": "refund",
}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PAST = 5_000
"""Bank lines of the past that a ledger is calibrated on: the newest."""
Row = dict[str, Any]


class Ledger:
    """One connector's ledger; each method is one or a few queries, seen by the database's owner."""

    def __init__(self, connector_id: UUID) -> None:
        self.connector_id = connector_id
        self.market = self._market()

    def _rows(self, sql: str, **parameters: Any) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(sql, {"connector": self.connector_id, **parameters})
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _market(self) -> Market:
        companies = {row["id"]: row["name"] for row in self._rows(statements.COMPANIES)}
        decimals = {row["name"]: row["coalesce"] for row in self._rows(statements.CURRENCIES)}
        rates: dict[tuple[int, str], list[tuple[date, float]]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(statements.RATES, {"connector": self.connector_id})
            for company, currency, day, rate in cursor.fetchall():
                for one in [company] if company else companies:
                    rates[one, currency].append((day, float(rate)))
        return Market(companies, decimals, dict(rates))

    def minor(self, amount: Decimal | None, currency: str) -> int:
        """An amount in minor units of its currency."""
        return round((amount or Decimal()).scaleb(self.market.places(currency)))

    def major(self, amount: int, currency: str) -> Decimal:
        """Minor units as an amount with the currency's decimals."""
        return Decimal(amount).scaleb(-self.market.places(currency))

    def open_items(self) -> list[OpenItem]:
        """What bank lines can settle."""
        return [self._item(row) for row in self._rows(statements.OPEN_ITEMS)]

    def open_lines(self) -> list[BankLine]:
        """Bank lines that nobody has matched."""
        return [self._line(row) for row in self._rows(statements.OPEN_LINES)]

    def partners(self, past_names: Mapping[int, Collection[str]]) -> list[Partner]:
        """Partners under their names and the ones on their documents."""
        return [
            Partner(row["id"], tuple(sorted({*(row["names"] or ()), *past_names.get(row["id"], ())})))
            for row in self._rows(statements.PARTNERS)
        ]

    def past_names(self, since: datetime) -> dict[int, list[str]]:
        """The names of partners on documents that came after a moment."""
        found: dict[int, list[str]] = defaultdict(list)
        for row in self._rows(statements.PAST_NAMES, since=since):
            found[row["commercial_partner_id"]].append(row["invoice_partner_display_name"])
        return found

    def past(self) -> tuple[int, datetime]:
        """How many bank lines are reconciled, and when the newest of them was loaded."""
        (row,) = self._rows(statements.PAST_COUNT)
        return row["count"], row["max"] or BEGINNING

    def history(self, since: datetime, partners: Sequence[Partner]) -> History:
        """The reconciled past that was loaded after a moment."""
        rows = self._rows(statements.PAST_LINES, since=since, most=MOST_PAST)
        lines = [(self._line(row, whole=True), row["move_id"]) for row in rows]
        if not lines:
            return History({}, [], [], partners, self.market)
        items = {
            item.id: item for item in map(self._item, self._rows(statements.PAST_ITEMS, since=min(line.day for line, _ in lines)))
        }
        ties = [self._tie(row) for row in self._rows(statements.TIES, items=list(items))]
        return History(items, ties, self._truths(lines, ties, set(items)), partners, self.market)

    def _truths(self, lines: Sequence[tuple[BankLine, int]], ties: Sequence[Tie], known: set[int]) -> list[Truth]:
        own: dict[int, list[Row]] = defaultdict(list)
        for row in self._rows(statements.OWN_ITEMS, moves=[move for _, move in lines]):
            own[row["move_id"]].append(row)
        others: dict[int, set[int]] = defaultdict(set)
        for tie in ties:
            if tie.debit_amount or tie.credit_amount:  # exchange differences tie nothing in their currency
                others[tie.debit].add(tie.credit)
                others[tie.credit].add(tie.debit)
        truths = []
        for line, move in sorted(lines, key=lambda pair: pair[0].id):
            settled = {key for row in own[move] if row["reconcile"] for key in others[row["id"]]} & known
            fee = self.minor(sum((row["balance"] for row in own[move] if row["is_expense"]), Decimal()), line.currency)
            truths.append(Truth(line, tuple(row["id"] for row in own[move]), tuple(sorted(settled)), fee if settled else 0))
        return truths

    def _tie(self, row: Row) -> Tie:
        debit, credit = row["debit_currency"] or "", row["credit_currency"] or ""
        amounts = self.minor(row["debit_amount_currency"], debit), self.minor(row["credit_amount_currency"], credit)
        return Tie(row["debit_move_id"], row["credit_move_id"], *amounts, self.minor(row["amount"], ""), row["max_date"])

    def _item(self, row: Row) -> OpenItem:
        kind: Kind = KINDS.get(row["move_type"]) or ("payment" if row["payment_id"] else "entry")
        own = self.market.company_currency.get(row["company_id"], row["currency"])
        texts = tuple(dict.fromkeys(text for text in row["texts"] if text and text != row["number"]))
        percent, until = row["discount_percent"], row["discount_until"]
        discount = Discount(round(percent * 100), until) if percent and until else None
        return OpenItem(
            id=row["id"],
            company=row["company_id"],
            document=row["move_id"] or 0,
            kind=kind,
            number=row["number"],
            partner=row["partner_id"],
            day=row["date"],
            due=row["due"],
            currency=row["currency"],
            amount=self.minor(row["amount"], row["currency"]),
            balance=self.minor(row["balance"], own),
            references=texts,
            discount=discount,
        )

    def _line(self, row: Row, *, whole: bool = False) -> BankLine:
        """``whole``: all of its amount, although it is reconciled; else what is left of it."""
        currency = row["currency"] or ""
        foreign = row["foreign_currency"] if row["foreign_currency"] != currency else None
        left = -row["amount_residual"] if row["amount_residual"] and not foreign and not whole else row["amount"]
        return BankLine(
            id=row["id"],
            company=row["company_id"],
            day=row["date"],
            amount=self.minor(left, currency),
            currency=currency,
            text=row["payment_ref"],
            partner_name=row["partner_name"],
            partner=row["partner_id"],
            foreign_amount=self.minor(row["amount_currency"], foreign) if foreign and row["amount_currency"] else None,
            foreign_currency=foreign if row["amount_currency"] else None,
        )


def current_state(connector_id: UUID, line: int, items: Sequence[int]) -> tuple[bool, dict[int, Decimal]]:
    """Whether a bank line is open in the ledger as it was loaded last, and what is open of some items, in their currency."""
    parameters: dict[str, Any] = {"connector": connector_id, "line": line, "items": list(items)}
    with connection.cursor() as cursor:
        cursor.execute(statements.LINE_IS_OPEN, parameters)
        is_open: bool = cursor.fetchone()[0]
        cursor.execute(statements.RESTS, parameters)
        return is_open, dict(cursor.fetchall())
