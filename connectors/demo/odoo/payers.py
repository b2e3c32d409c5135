"""How customers and the company pay: on time, late, in parts, never; by what the bank then shows of it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from connectors.demo.odoo import documents
from connectors.demo.odoo.bank import Match

if TYPE_CHECKING:
    from connectors.demo.odoo.ledger import Ledger

FEE = 1250
MANNERS = ("number", "name", "number", "short", "name", "number", "nothing")  # what a transfer tells, in turn


def debtors(ledger: Ledger, move: int, *, vague: bool = False) -> None:
    """Plan what a customer pays on each due line that is still open."""
    rng = ledger.random
    for line, due, _ in documents.due_lines(ledger.books, move):
        amount = round(ledger.store.get("account.move.line", line)["amount_residual_currency"] * 100)
        habit = rng.random()
        if amount <= 0:
            continue
        if vague or habit < 0.70:
            pays(ledger, line, due + timedelta(days=rng.randint(-4, 5)), amount, vague=vague)
        elif habit < 0.84:
            pays(ledger, line, due + timedelta(days=rng.randint(12, 70)), amount)
        elif habit < 0.93:
            pays(ledger, line, due + timedelta(days=2), amount // 2)
            if habit < 0.89:
                pays(ledger, line, due + timedelta(days=40), amount - amount // 2)


def pays(ledger: Ledger, line: int, day: date, amount: int, *, vague: bool = False) -> None:
    """A customer pays: seen in the bank only, or registered first and then seen there."""
    day = max(day, ledger.at.date())
    registered = not vague and ledger.random.random() < 0.3
    ledger.on(
        day, partial(registers if registered else transfers, ledger, line, day, amount, vague), hour=None if registered else 6
    )


def registers(ledger: Ledger, line: int, day: date, amount: int, vague: bool) -> None:
    """The bookkeeper enters the payment on the invoice; the bank shows it two days later."""
    row = ledger.store.get("account.move.line", line)
    payment = ledger.bank.pay(day, row["partner_id"], amount, row["move_name"], line)
    arrive = ledger.bank.clearing(payment, row["move_name"], alias(ledger, row["partner_id"]))
    later = day + timedelta(days=2)
    ledger.on(later, partial(arrive, later), hour=6)


def transfers(ledger: Ledger, line: int, day: date, amount: int, vague: bool) -> None:
    """The money arrives: with the number, with nothing but the name, short of a fee, or with no hint at all."""
    row = ledger.store.get("account.move.line", line)
    customer, name = row["partner_id"], row["move_name"]
    manner = "nothing" if vague else next(ledger.manners)
    reference, fee = f"Invoice {name}", 0
    payer: str | bool = alias(ledger, customer)
    if manner == "nothing":
        reference, payer = "Payment, thank you", False
    elif manner == "name":
        reference = f"TRANSFER {payer} {day:%d.%m.}"
    elif manner == "short" and row["amount_currency"] == row["balance"]:
        fee = FEE
    shown = ledger.bank.line(day, customer, amount - fee, reference, payer)
    ledger.bank.received(shown, Match("121000", customer, line, fee=fee))


def alias(ledger: Ledger, partner: int) -> str:
    """A partner as its bank writes it: capitals, cut short."""
    name = ledger.store.label("res.partner", partner).removesuffix(" (demo)")
    return name.upper()[:18].strip()


def creditors(ledger: Ledger, move: int) -> None:
    """Plan what the company pays on each due line of a bill: most on the day, some late, a few not at all."""
    for line, due, amount in documents.due_lines(ledger.books, move):
        habit = ledger.random.random()
        day = due + timedelta(days=0 if habit < 0.8 else 18)
        if habit < 0.95:
            ledger.on(day, partial(settles, ledger, line, day, amount, ledger.random.random() < 0.6))


def settles(ledger: Ledger, line: int, day: date, amount: int, registered: bool) -> None:
    """Pay a bill (``amount`` is negative): by a registered payment that the bank shows a day later, or by the bank alone."""
    row = ledger.store.get("account.move.line", line)
    vendor, ref = row["partner_id"], row["ref"] or row["move_name"]
    later = day + timedelta(days=1)
    if registered:
        payment = ledger.bank.pay(day, vendor, amount, ref, line)
        ledger.on(later, partial(ledger.bank.clearing(payment, ref, alias(ledger, vendor)), later), hour=6)
        return
    shown = ledger.bank.line(later, vendor, amount, ref, alias(ledger, vendor))
    ledger.on(later, lambda: ledger.bank.received(shown, Match("211000", vendor, line)), hour=6)
