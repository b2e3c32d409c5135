"""Suggestions as they are stored and shown: plain JSON, money as text with the currency's decimals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from finance.reconciliation.records import BankLine, Candidate, Market, OpenItem


def key_of(items: Iterable[int]) -> str:
    """The name of a candidate: the same items have the same, whenever they are suggested."""
    return hashlib.sha256(",".join(map(str, sorted(items))).encode()).hexdigest()[:16]


def line_hash(line: BankLine) -> str:
    """Changes when the bank line does."""
    return hashlib.sha256(repr(line).encode()).hexdigest()


def item_sum(item: OpenItem) -> str:
    """A short checksum of an open item, by which the next time sees whether it has changed."""
    return hashlib.sha256(repr(item).encode()).hexdigest()[:12]


def money(amount: int, currency: str, market: Market) -> str:
    """Minor units as text."""
    return market.text(amount, currency).partition(" ")[0]


def candidate(
    line: BankLine, one: Candidate, items: Mapping[int, OpenItem], names: Mapping[int, str], market: Market
) -> dict[str, Any]:
    """A candidate as JSON. ``allocations``: what is taken of each item, in its currency."""
    chosen = [items[key] for key in one.items]
    taken = allocations(line, one, chosen)
    return {
        "key": key_of(one.items),
        "confidence": one.confidence,
        "ambiguous": one.twin,
        "items": [_item(item, names, market) for item in chosen],
        "allocations": [
            {"item_id": item.id, "amount": money(amount, item.currency, market), "currency": item.currency}
            for item, amount in zip(chosen, taken, strict=True)
        ],
        "fit": {
            "kind": one.fit.kind,
            "difference": money(one.fit.difference, one.fit.currency, market),
            "currency": one.fit.currency,
        },
        "evidence": [
            {"code": found.code, "words": found.words, "weight": found.weight, "data": _data(found.data, one, market)}
            for found in one.evidence
        ],
        "with_bank_lines": list(one.with_lines),
    }


def _item(item: OpenItem, names: Mapping[int, str], market: Market) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "number": item.number,
        "references": list(item.references),
        "partner_id": item.partner,
        "partner": names.get(item.partner or 0, ""),
        "date": item.day.isoformat(),
        "due": item.due.isoformat(),
        "residual": money(item.amount, item.currency, market),
        "currency": item.currency,
    }


def _data(data: Mapping[str, Any], one: Candidate, market: Market) -> dict[str, Any]:
    shown = dict(data)
    if "difference" in shown:
        shown["difference"] = money(shown["difference"], one.fit.currency, market)
    return shown


def allocations(line: BankLine, one: Candidate, items: list[OpenItem]) -> list[int]:
    """What the bank line takes of each item, in minor units of its currency: all, or as far as a part reaches, oldest first."""
    if one.fit.kind != "partial":
        return [item.amount for item in items]
    owed = sum(item.amount for item in items)
    if one.fit.rate is None:
        left = owed + one.fit.difference if owed > 0 else owed - one.fit.difference
    else:
        paid = abs(line.amount)
        left = round(owed * paid / (paid - one.fit.difference))
    taken = []
    for item in items:
        part = item.amount if item.amount * left <= 0 else min(item.amount, left, key=abs)
        taken.append(part)
        left -= part
    return taken
