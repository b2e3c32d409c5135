"""Payments and bank statement lines: registered, imported, and matched once some newer lines have come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from connectors.demo.odoo.books import LINE, Books, Item
from connectors.demo.odoo.store import Row

STATEMENT = "account.bank.statement.line"
PAYMENT = "account.payment"
UNCLEAR_LINES, OTHER_LINES = 8, 3  # how far the bookkeeper is behind the bank


@dataclass(slots=True)
class Line:
    """A statement line: ``amount`` in company cents (received positive), ``foreign`` in cents of USD where it was paid in USD."""

    day: date
    amount: int
    reference: str
    partner_name: str | bool = False
    foreign: int | None = None


@dataclass(slots=True)
class Match:
    """What a statement line turns out to be: an account, a partner, the line it settles, a payment, and the part
    of it (``fee``) that went to another account."""

    account: str
    partner: int | bool = False
    settles: int | None = None
    payment: int | None = None
    fee: int = 0
    fee_account: str = "620000"
    name: str | bool = False


@dataclass(slots=True)
class Bank:
    """The bank account of the company as its books see it."""

    books: Books
    unclear: deque[tuple[int, Line, Match]] = field(default_factory=deque)
    others: deque[tuple[int, Line, Match]] = field(default_factory=deque)

    def received(self, line: Line, match: Match) -> None:
        """Import a statement line and match an older one: transfers of customers, which take thought, wait longest."""
        unclear = match.settles is not None and match.payment is None and line.amount > 0
        waiting, most = (self.unclear, UNCLEAR_LINES) if unclear else (self.others, OTHER_LINES)
        waiting.append((self.imported(line), line, match))
        if len(waiting) > most:
            self.matched(*waiting.popleft())

    def at_once(self, line: Line, match: Match, journal: str) -> None:
        """A statement line that is entered and matched in one go, as from the cash box."""
        self.matched(self.imported(line, journal), line, match)

    def imported(self, line: Line, journal: str = "BNK1") -> int:
        """A statement line with its move: the money against the suspense account."""
        books, chart = self.books, self.books.chart
        foreign = line.foreign is not None
        values: Row = {"journal_id": chart.journals[journal], "company_id": chart.company, "payment_ref": line.reference}
        values |= {"partner_name": line.partner_name, "amount": line.amount / 100, "currency_id": chart.currencies["EUR"]}
        values |= {"amount_currency": (line.foreign or 0) / 100, "foreign_currency_id": foreign and chart.currencies["USD"]}
        values |= {"sequence": 1, "create_uid": 2, "write_uid": 2, "transaction_type": "transfer"}
        values["amount_residual"] = -(line.amount if line.foreign is None else line.foreign) / 100
        key = books.store.create(STATEMENT, values)
        label: Row = {"name": line.reference}
        against = None if line.foreign is None else -line.foreign
        items = [
            Item("101501" if journal == "CSH1" else "101401", line.amount, values=label),
            Item("101402", -line.amount, against, "USD" if foreign else "EUR", label),
        ]
        move = books.entry(journal, line.day, items, statement_line_id=key)
        books.store.write(STATEMENT, key, {"move_id": move, "internal_index": f"{line.day:%Y%m%d}{2147483646:010d}{key:010d}"})
        return key

    def matched(self, key: int, line: Line, match: Match) -> None:
        """Put what the money was for in the place of the suspense line, and settle it."""
        books = self.books
        move = books.store.get(STATEMENT, key)["move_id"]
        books.store.unlink(LINE, [row["id"] for row in books.lines(move, "101402")])
        books.store.write("account.move", move, {"partner_id": match.partner, "commercial_partner_id": match.partner})
        books.store.write(LINE, books.store.children(LINE, "move_id", move), {"partner_id": match.partner})
        label: Row = {"name": match.name or line.reference}
        amount = None if line.foreign is None else -line.foreign
        item = Item(match.account, -line.amount - match.fee, amount, "EUR" if amount is None else "USD", label)
        found = books.add_line(move, item, 20)
        if match.fee:
            books.add_line(move, Item(match.fee_account, match.fee, values=label), 30)
        done = {"is_reconciled": True, "amount_residual": 0.0, "partner_id": match.partner}
        books.store.write(STATEMENT, key, done)
        if match.settles:
            books.reconcile(match.settles, found)
        if match.payment:
            self.seen(match.payment)

    def pay(self, day: date, partner: int, amount: int, memo: str, settles: int | None = None) -> int:
        """Register a payment (received positive, cents of the partner's currency) and match it with a due line."""
        books, chart = self.books, self.books.chart
        currency = chart.currency_of[partner]
        inbound = amount > 0
        account, outstanding = ("121000", "101403") if inbound else ("211000", "101404")
        balance = books.converted(amount, currency, day)
        values: Row = {"date": day.isoformat(), "payment_type": "inbound" if inbound else "outbound", "partner_id": partner}
        values |= {"partner_type": "customer" if inbound else "supplier", "amount": abs(amount) / 100, "memo": memo}
        values |= {"currency_id": chart.currencies[currency], "company_id": chart.company, "journal_id": chart.journals["BNK1"]}
        values |= {"destination_account_id": chart.accounts[account], "outstanding_account_id": chart.accounts[outstanding]}
        values |= {"amount_company_currency_signed": balance / 100, "state": "in_process", "create_uid": 2, "write_uid": 2}
        key = books.store.create(PAYMENT, values)
        label: Row = {"name": f"Manual Payment: {memo}"}
        items = [Item(outstanding, balance, amount, currency, label), Item(account, -balance, -amount, currency, label)]
        head: Row = {
            "partner_id": partner,
            "commercial_partner_id": partner,
            "currency_id": chart.currencies[currency],
            "ref": memo,
        }
        move = books.entry("BNK1", day, items, prefix="PBNK1", origin_payment_id=key, **head)
        known: Row = {"move_id": move, "name": books.store.get("account.move", move)["name"]}
        if settles:
            known |= {"is_reconciled": True, "invoice_ids": [books.store.get(LINE, settles)["move_id"]]}
        books.store.write(PAYMENT, key, known)
        if settles:
            books.reconcile(settles, books.lines(move, account)[0]["id"])
        return key

    def seen(self, payment: int) -> None:
        """The bank shows a payment: invoices that were in payment are paid."""
        self.books.store.write(PAYMENT, payment, {"is_matched": True, "state": "paid"})
        for invoice in self.books.store.get(PAYMENT, payment)["invoice_ids"]:
            self.books.refresh(invoice)

    def clearing(self, payment: int, reference: str, partner_name: str | bool) -> Callable[[date], None]:
        """What happens on the day the bank shows a registered payment."""
        row = self.books.store.get(PAYMENT, payment)
        inbound = row["payment_type"] == "inbound"
        outstanding = "101403" if inbound else "101404"

        def arrive(day: date) -> None:
            open_line = self.books.lines(row["move_id"], outstanding)[0]
            match = Match(outstanding, row["partner_id"], open_line["id"], payment)
            amount = round(row["amount"] * 100) * (1 if inbound else -1)
            self.received(self.line(day, row["partner_id"], amount, reference, partner_name), match)

        return arrive

    def line(self, day: date, partner: int, amount: int, reference: str, partner_name: str | bool = False) -> Line:
        """A statement line over ``amount`` cents of the partner's currency, at the day's rate."""
        currency = self.books.chart.currency_of[partner]
        foreign = None if currency == "EUR" else amount
        return Line(day, self.books.converted(amount, currency, day), reference, partner_name, foreign)
