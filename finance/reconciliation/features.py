"""What speaks for and against a set of open items, as numbers for the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from finance.reconciliation.find import Found, Index, Payer
from finance.reconciliation.records import BankLine
from finance.reconciliation.text import Mentions, Strength

Features = dict[str, float]
ORDER: tuple[Strength, ...] = ("full", "core", "fuzzy", "tail")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the text says of a set: how each item is named (None: not), whether it names others."""

    strengths: tuple[Strength | None, ...]
    numbers: tuple[str, ...]
    """The number by which each item is named."""
    another: bool
    others: int

    @property
    def weakest(self) -> Strength | None:
        """How clearly the least clear item is named; None when one is not."""
        if None in self.strengths:
            return None
        return max((one for one in self.strengths if one), key=ORDER.index, default=None)


def read(found: Found, said: Mentions, index: Index, named: Sequence[int]) -> Reading:
    """Hold a set against the text. ``named``: all items that the text names clearly."""
    strongest = [_strongest(index, item.id, said) for item in found.items]
    strengths = tuple(strength for strength, _ in strongest)
    chosen = {item.id for item in found.items}
    documents = {item.document for item in found.items}
    others = sum(1 for key in named if key not in chosen and index.items[key].document not in documents)
    another = any(
        strength is None and any(said.names_another(one) for one in index.keys[item.id])
        for item, strength in zip(found.items, strengths, strict=True)
    )
    return Reading(strengths, tuple(number for _, number in strongest), another, others)


def _strongest(index: Index, key: int, said: Mentions) -> tuple[Strength | None, str]:
    seen = [(strength, reference.text) for reference in index.keys[key] if (strength := said.strength(reference))]
    return min(seen, key=lambda pair: ORDER.index(pair[0]), default=(None, ""))


def features(line: BankLine, found: Found, payer: Payer, reading: Reading) -> Features:
    """Numbers by name; what is not there is 0."""
    many = len(found.items) > 1
    values: Features = {"bias": 1.0}
    values |= _amount(found, many=many)
    values |= _text(found, reading, many=many)
    values |= _partner(line, found, payer)
    values |= _time(line, found, named=reading.weakest in ("full", "core"))
    if all(item.kind == "payment" for item in found.items):
        values["payment"] = 1.0
        values["payment_part"] = float(found.fit.kind in ("partial", "over"))
        if found.fit.kind == "exact" and abs((line.day - found.items[0].day).days) <= 7:
            values["payment_near"] = 1.0
    return values


def _amount(found: Found, *, many: bool) -> Features:
    fit = found.fit
    name = f"fee_{'known' if fit.known_fee else 'new'}" if fit.kind == "fee" else fit.kind
    values = {f"sum_{name}" if many and name in ("exact", "partial") else name: 1.0}
    if fit.kind == "exact" and sum(item.amount for item in found.items) % 1000 == 0:
        values["exact_round"] = 1.0
    if fit.kind == "exchange":
        values["exchange_off"] = min(abs(fit.percent), 3.0)
    if fit.kind == "discount" and fit.late:
        values["discount_late"] = 1.0
    if fit.kind == "partial":
        owed = sum(abs(item.amount) for item in found.items)
        share = 1 - abs(fit.difference) / owed if owed else 0.0
        values["partial_round"] = float(any(abs(share - part) < 0.002 for part in (0.5, 0.25, 0.3, 0.2, 1 / 3)))
    if many:
        values["sum_more"] = float(len(found.items) - 2)
        values["sum_mixed"] = float(len({item.amount > 0 for item in found.items}) > 1)
    return values


def _text(found: Found, reading: Reading, *, many: bool) -> Features:
    weakest = reading.weakest
    values = {f"named_{weakest}": 1.0} if weakest else {}
    if weakest and found.fit.kind in ("partial", "over"):
        values["named_partial"] = 1.0
    if many and weakest is None and any(reading.strengths):
        values["named_some"] = sum(1 for one in reading.strengths if one) / len(reading.strengths)
    if reading.others:
        values["names_others"] = 1.0
    elif reading.another:
        values["names_unknown"] = 1.0
    return values


def _partner(line: BankLine, found: Found, payer: Payer) -> Features:
    partners = {item.partner for item in found.items}
    if line.partner is not None and partners != {line.partner}:
        return {"partner_contrary": 1.0}
    if len(partners) > 1:
        return {"partner_several": 1.0}
    (partner,) = partners
    how, score = payer.known.get(partner, ("", 0.0)) if partner is not None else ("", 0.0)
    if how and (how != "name" or score >= 0.8):
        values = {f"partner_{how}": 1.0}
    elif how:
        values = {"partner_maybe": 1.0}
    else:
        values = {"partner_unlike": 1.0} if payer.named else {}
    if payer.surest not in (None, partner):
        values["partner_other"] = 1.0
    return values


def _time(line: BankLine, found: Found, *, named: bool) -> Features:
    """Days matter less where the text names the items."""
    days = abs(min((line.day - item.due).days for item in found.items))
    before = min((line.day - item.day).days for item in found.items) < -2
    if named:
        return {"days_named": math.log1p(days), "before_named": float(before)}
    return {"days": math.log1p(days), "days_far": float(days > 60), "before_document": float(before)}
