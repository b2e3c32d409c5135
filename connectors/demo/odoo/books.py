"""Double entry as Odoo keeps it: posted moves, reconciliation, exchange differences. Amounts here are whole cents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.demo.odoo.chart import Chart
from connectors.demo.odoo.store import Row, Store

LINE = "account.move.line"
PARTIAL = "account.partial.reconcile"
YEARLY = ("INV", "RINV", "BNK1", "PBNK1", "CSH1")


def cents(amount: float) -> int:
    """A float of the store as whole cents."""
    return round(amount * 100)


@dataclass(slots=True)
class Item:
    """A journal item to be: ``balance`` in company cents (debit positive), ``amount`` in cents of ``currency``."""

    account: str
    balance: int
    amount: int | None = None
    currency: str = "EUR"
    values: Row = field(default_factory=dict)


class Books:
    """Posts moves and reconciles their lines, all stamped by the store's clock."""

    def __init__(self, store: Store, chart: Chart) -> None:
        self.store, self.chart = store, chart
        self.rates: dict[str, float] = {}  # USD per EUR by month
        self._numbers: dict[str, int] = defaultdict(int)

    def converted(self, amount: int, currency: str, day: date) -> int:
        """Cents of a currency as company cents at the month's rate."""
        return amount if currency == "EUR" else round(amount / self.rates[f"{day:%Y-%m}"])

    def next_name(self, prefix: str, day: date) -> str:
        """The next number of a sequence: ``INV/2025/00001`` by year, ``BILL/2025/01/0001`` by month."""
        stem = f"{prefix}/{day:%Y}" if prefix in YEARLY else f"{prefix}/{day:%Y/%m}"
        self._numbers[stem] += 1
        return f"{stem}/{self._numbers[stem]:0{5 if prefix in YEARLY else 4}d}"

    def entry(self, journal: str, day: date, items: list[Item], *, prefix: str = "", **values: Any) -> int:
        """A move with its lines; posted unless ``state`` says otherwise. The items must balance."""
        assert sum(item.balance for item in items) == 0, items
        total = sum(item.balance for item in items if item.balance > 0)
        base: Row = {
            "move_type": "entry",
            "state": "posted",
            "payment_state": "not_paid",
            "auto_post": "no",
            "date": day.isoformat(),
        }
        base |= {"journal_id": self.chart.journals[journal], "company_id": self.chart.company, "invoice_currency_rate": 1.0}
        base |= {"currency_id": self.chart.currencies["EUR"], "amount_total": total / 100, "amount_total_signed": total / 100}
        base |= {"amount_total_in_currency_signed": total / 100, "create_uid": 2, "write_uid": 2} | values
        if base["state"] == "posted":
            base |= {"name": self.next_name(prefix or journal, day), "posted_before": True, "checked": True}
        move = self.store.create("account.move", base)
        for number, item in enumerate(items, 1):
            self.add_line(move, item, number * 10)
        return move

    def add_line(self, move_id: int, item: Item, sequence: int = 10) -> int:
        """One journal item of a move."""
        move = self.store.get("account.move", move_id)
        account = self.store.get("account.account", self.chart.accounts[item.account])
        amount = item.balance if item.amount is None else item.amount
        open_item = account["reconcile"] or account["account_type"] in ("asset_cash", "liability_credit_card")
        values: Row = {"move_id": move_id, "move_name": move["name"], "parent_state": move["state"], "sequence": sequence}
        values |= {name: move[name] for name in ("journal_id", "company_id", "partner_id", "date", "invoice_date", "ref")}
        values |= {name: move[name] for name in ("statement_line_id", "create_uid", "write_uid")}
        values |= {"payment_id": move["origin_payment_id"], "account_id": account["id"], "display_type": "product", "quantity": 1.0}
        values |= {"company_currency_id": self.chart.currencies["EUR"], "currency_id": self.chart.currencies[item.currency]}
        values |= {"balance": item.balance / 100, "debit": max(item.balance, 0) / 100, "credit": max(-item.balance, 0) / 100}
        values |= {"amount_currency": amount / 100, "amount_residual": item.balance / 100 if open_item else 0.0}
        values["amount_residual_currency"] = amount / 100 if open_item else 0.0
        return self.store.create(LINE, values | item.values)

    def lines(self, move: int, account: str) -> list[Row]:
        """The lines of a move on one account."""
        rows = [self.store.get(LINE, key) for key in self.store.children(LINE, "move_id", move)]
        return [row for row in rows if row["account_id"] == self.chart.accounts[account]]

    def reconcile(self, first: int, second: int) -> None:
        """Match two lines of one account as far as both are open; what a rate leaves over becomes an exchange entry."""
        debit, credit = sorted((self.store.get(LINE, first), self.store.get(LINE, second)), key=lambda row: -row["balance"])
        open_debit, open_credit = cents(debit["amount_residual_currency"]), -cents(credit["amount_residual_currency"])
        amount = min(open_debit, open_credit)
        if amount <= 0:
            return
        left = self.share(debit, amount)
        right = self.share(credit, amount)
        partial = self.match(debit, credit, min(left, right), amount)
        if left != right:
            over, excess = (debit, left - right) if left > right else (credit, right - left)
            exchange = self.exchange(over, excess, max(debit["date"], credit["date"]))
            self.store.write(PARTIAL, partial, {"exchange_move_id": exchange})
        self.close({debit["id"], credit["id"]})
        for move in {debit["move_id"], credit["move_id"]}:
            self.refresh(move)

    @staticmethod
    def share(line: Row, amount: int) -> int:
        """The company cents of a line that ``amount`` of its currency stands for; all of them when it closes the line."""
        if abs(cents(line["amount_residual_currency"])) == amount:
            return abs(cents(line["amount_residual"]))
        return round(amount * cents(abs(line["balance"])) / cents(abs(line["amount_currency"])))

    def match(self, debit: Row, credit: Row, balance: int, amount: int) -> int:
        """A partial reconcile, taken off both residuals."""
        values: Row = {"debit_move_id": debit["id"], "credit_move_id": credit["id"], "amount": balance / 100}
        values |= {"debit_amount_currency": amount / 100, "credit_amount_currency": amount / 100, "company_id": self.chart.company}
        values |= {"debit_currency_id": debit["currency_id"], "credit_currency_id": credit["currency_id"]}
        values |= {"max_date": max(debit["date"], credit["date"]), "create_uid": 2, "write_uid": 2}
        for line, sign in ((debit, -1), (credit, 1)):
            rest = cents(line["amount_residual"]) + sign * balance
            rest_currency = cents(line["amount_residual_currency"]) + sign * amount
            residuals = {"amount_residual": rest / 100, "amount_residual_currency": rest_currency / 100}
            self.store.write(LINE, line["id"], residuals | {"reconciled": rest == rest_currency == 0})
        return self.store.create(PARTIAL, values)

    def exchange(self, line: Row, excess: int, day: str) -> int:
        """The entry that takes what the rates left on a line to gain or loss."""
        sign = -1 if line["balance"] > 0 else 1
        account = self.store.get("account.account", line["account_id"])["code"]
        currency = "USD"
        label = {"name": "Currency exchange rate difference", "partner_id": line["partner_id"]}
        items = [
            Item(account, sign * excess, 0, currency, label),
            Item("641000" if sign < 0 else "441000", -sign * excess, 0, currency, label),
        ]
        move = self.entry("EXCH", date.fromisoformat(day), items, currency_id=line["currency_id"])
        other = self.lines(move, account)[0]
        debit, credit = (line, other) if sign < 0 else (other, line)
        self.match(debit, credit, excess, 0)
        return move

    def close(self, lines: set[int]) -> None:
        """Name the matching of all lines that hang together: a full reconcile's id once nothing is open, else P and a partial's."""
        partials: set[int] = set()
        waiting = list(lines)
        while waiting:
            line = waiting.pop()
            found = {*self.store.children(PARTIAL, "debit_move_id", line), *self.store.children(PARTIAL, "credit_move_id", line)}
            for key in found - partials:
                row = self.store.get(PARTIAL, key)
                waiting += {row["debit_move_id"], row["credit_move_id"]} - lines
                lines |= {row["debit_move_id"], row["credit_move_id"]}
            partials |= found
        if all(self.store.get(LINE, key)["reconciled"] for key in lines):
            full = self.store.create("account.full.reconcile", {})
            self.store.write(PARTIAL, partials, {"full_reconcile_id": full})
            self.store.write(LINE, lines, {"full_reconcile_id": full, "matching_number": str(full)})
        else:
            self.store.write(LINE, lines, {"matching_number": f"P{min(partials)}"})

    def refresh(self, move_id: int) -> None:
        """Residual and payment state of an invoice from its open lines; touches the move and all its lines."""
        move = self.store.get("account.move", move_id)
        if move["move_type"] == "entry":
            return
        keys = self.store.children(LINE, "move_id", move_id)
        terms = [row for row in (self.store.get(LINE, key) for key in keys) if row["display_type"] == "payment_term"]
        sign = 1 if move["move_type"] in ("out_invoice", "in_refund") else -1
        rest = sign * sum(cents(row["amount_residual_currency"]) for row in terms)
        rest_company = sum(cents(row["amount_residual"]) for row in terms)
        values = {"amount_residual": rest / 100, "amount_residual_signed": rest_company / 100}
        self.store.write("account.move", move_id, values | {"payment_state": self.payment_state(move, terms, rest)})
        self.store.write(LINE, keys, {})

    def payment_state(self, move: Row, terms: list[Row], rest: int) -> str:
        """Odoo's words: not_paid, partial, in_payment (paid, not yet seen by the bank), paid, reversed."""
        if rest:
            return "partial" if rest != cents(move["amount_total"]) else "not_paid"
        others = [self.store.get(LINE, key) for row in terms for key in self.counterparts(row["id"])]
        moves = [self.store.get("account.move", row["move_id"]) for row in others]
        if {found["move_type"] for found in moves} - {"entry"} and all(found["move_type"] != "entry" for found in moves):
            return "reversed" if move["move_type"] in ("out_invoice", "in_invoice") else "paid"
        payments = [self.store.get("account.payment", row["payment_id"]) for row in others if row["payment_id"]]
        return "paid" if all(payment["is_matched"] for payment in payments) else "in_payment"

    def counterparts(self, line: int) -> list[int]:
        """The lines that a line is matched with."""
        debits = [self.store.get(PARTIAL, key)["debit_move_id"] for key in self.store.children(PARTIAL, "credit_move_id", line)]
        credits = [self.store.get(PARTIAL, key)["credit_move_id"] for key in self.store.children(PARTIAL, "debit_move_id", line)]
        return debits + credits
