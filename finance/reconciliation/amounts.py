"""How a bank line's amount agrees with open items: exactly, less a fee or a discount, at another rate, in part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from finance.reconciliation.knowledge import Knowledge
from finance.reconciliation.records import BankLine, Fit, Market, OpenItem

MOST_FEE, FEE_SHARE = 5000, 0.05
"""A difference is taken for a fee up to 50.00 (in minor units) and this share of the items."""
EXCHANGE_BAND = 0.03
DISCOUNT_GRACE = timedelta(days=3)


def fit(line: BankLine, items: Sequence[OpenItem], market: Market, knowledge: Knowledge) -> Fit | None:
    """The best reading of the amounts; None where they cannot belong together (the other direction, no rate)."""
    measured = _measured(line, items, market)
    if measured is None:
        return None
    paid, owed, currency, rate = measured
    if paid * owed <= 0:
        return None
    incoming, difference = paid > 0, abs(paid) - abs(owed)
    if difference == 0 and rate is None:
        return Fit("exact", 0, currency)
    if rate is not None and abs(difference) <= max(1, EXCHANGE_BAND * abs(owed)):
        return Fit("exchange", difference, currency, rate=rate, percent=100 * difference / abs(owed))
    if rate is None:
        found = _discounted(line, items, paid, currency) or _with_fee(
            abs(owed), difference, incoming=incoming, line=line, knowledge=knowledge
        )
        if found:
            return found
    return Fit("partial" if difference < 0 else "over", difference, currency, rate=rate)


def _measured(line: BankLine, items: Sequence[OpenItem], market: Market) -> tuple[int, int, str, float | None] | None:
    """Paid and owed in one currency; the rate where it had to be exchanged to compare them."""
    currencies = {item.currency for item in items}
    own = market.company_currency.get(line.company, line.currency)
    if len(currencies) == 1:
        (currency,) = currencies
        owed = sum(item.amount for item in items)
        if line.currency == currency:
            return line.amount, owed, currency, None
        if line.foreign_amount is not None and line.foreign_currency == currency:
            return line.foreign_amount, owed, currency, None
        rate = market.rate(line.company, currency if line.currency == own else line.currency, line.day)
        if rate is None:
            return None
        if line.currency == own:
            converted = market.to_company(owed, line.company, currency, line.day)
            return None if converted is None else (line.amount, converted, own, rate)
    paid = market.to_company(line.amount, line.company, line.currency, line.day)
    return (
        None
        if paid is None
        else (paid, sum(item.balance for item in items), own, market.rate(line.company, line.currency, line.day))
    )


def discounted(item: OpenItem) -> int:
    """What an item comes to when its discount is taken."""
    return item.amount - round(item.amount * item.discount.basis_points / 10_000) if item.discount else item.amount


def _discounted(line: BankLine, items: Sequence[OpenItem], paid: int, currency: str) -> Fit | None:
    """Every item that has a discount is paid less it; a rounding of one for each is allowed."""
    offered = [item.discount for item in items if item.discount]
    if not offered or abs(paid - sum(map(discounted, items))) > len(items):
        return None
    late = line.day - min(discount.until for discount in offered)
    if late > DISCOUNT_GRACE:
        return None
    owed = sum(item.amount for item in items)
    return Fit(
        "discount", abs(paid) - abs(owed), currency, late=late > timedelta(0), percent=max(d.basis_points for d in offered) / 100
    )


def _with_fee(owed: int, difference: int, *, incoming: bool, line: BankLine, knowledge: Knowledge) -> Fit | None:
    """The bank has kept a fee: less arrives, or more leaves."""
    fee = -difference if incoming else difference
    if fee <= 0:
        return None
    known = knowledge.is_known_fee(fee, line.currency) and fee < owed / 2
    if not known and fee > min(MOST_FEE, FEE_SHARE * owed):
        return None
    return Fit("fee", difference, line.currency, known_fee=known)
