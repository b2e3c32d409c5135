"""The reconciled past: what was open at the end of each month had nobody matched that month's bank lines.

So the engine can be asked what people have answered already, which tells how far its confidence can be relied on here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from finance.reconciliation.engine import Engine
from finance.reconciliation.knowledge import Knowledge
from finance.reconciliation.model import Model, isotonic
from finance.reconciliation.records import BankLine, Market, OpenItem, Partner, Settled

MONTH = timedelta(days=31)
ENOUGH = 300
"""Reconciled bank lines from which a ledger gets a calibration of its own."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A partial reconcile: what it took off each side in its currency and in the company's, and when. No amount is negative."""

    debit: int
    credit: int
    debit_amount: int
    credit_amount: int
    amount: int
    day: date


@dataclass(frozen=True, slots=True)
class Truth:
    """A bank line with the journal items of its own entry, the items they settled, and the fee booked beside."""

    line: BankLine
    own: tuple[int, ...]
    items: tuple[int, ...]
    fee: int = 0


@dataclass(slots=True)
class History:
    """``items`` are journal items on accounts that are reconciled, with what was owed at first."""

    items: dict[int, OpenItem]
    ties: Sequence[Tie]
    truths: Sequence[Truth]
    partners: Sequence[Partner]
    market: Market

    def windows(self) -> Iterator[tuple[list[Truth], dict[int, OpenItem]]]:
        """Month by month: its bank lines, and the items that would be open at its end."""
        if not self.truths:
            return
        start, last = min(truth.line.day for truth in self.truths), max(truth.line.day for truth in self.truths)
        while start <= last:
            hidden = [truth for truth in self.truths if start <= truth.line.day < start + MONTH]
            if hidden:
                yield hidden, self.open(start + MONTH, {own for truth in hidden for own in truth.own})
            start += MONTH

    def open(self, before: date, hidden: set[int]) -> dict[int, OpenItem]:
        """What is open before a day when the entries of hidden bank lines are not matched."""
        taken: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for tie in self.ties:
            if tie.day < before and not {tie.debit, tie.credit} & hidden:
                for key, amount, sign in ((tie.debit, tie.debit_amount, 1), (tie.credit, tie.credit_amount, -1)):
                    taken[key][0] += sign * amount
                    taken[key][1] += sign * tie.amount
        rests = (
            replace(item, amount=item.amount - taken[item.id][0], balance=item.balance - taken[item.id][1])
            if item.id in taken
            else item
            for item in self.items.values()
            if item.day < before and item.id not in hidden
        )
        return {item.id: item for item in rests if item.amount}

    def settled(self) -> Iterator[Settled]:
        """What people have settled by each bank line."""
        for truth in self.truths:
            if truth.items:
                yield Settled(truth.line, tuple(self.items[key] for key in truth.items if key in self.items), truth.fee)


def same(given: frozenset[int], answer: frozenset[int], items: dict[int, OpenItem]) -> bool:
    """Whether two sets settle the same; equal instalments of one document are as good as each other."""

    def shown(keys: frozenset[int]) -> list[tuple[int, str, int]]:
        return sorted((items[key].document, items[key].currency, items[key].amount) for key in keys)

    return bool(answer) and (given == answer or shown(given) == shown(answer))


def calibrated(history: History, model: Model) -> tuple[Model, int]:
    """The model with the calibration of this ledger's own past, and of how many bank lines; as it is where they are too few."""
    pairs: list[tuple[float, bool]] = []
    knowledge = Knowledge()
    for truths, items in history.windows():
        engine = Engine(items.values(), history.partners, history.market, knowledge, model)
        answers = {truth.line.id: frozenset(truth.items) for truth in truths if all(key in items for key in truth.items)}
        for given in engine.suggest(truth.line for truth in truths if truth.line.id in answers):
            if given.candidates:
                top = given.candidates[0]
                pairs.append((top.probability, same(frozenset(top.items), answers[given.line], items)))
        done = [
            Settled(truth.line, tuple(items[key] for key in truth.items), truth.fee)
            for truth in truths
            if truth.items and truth.line.id in answers
        ]
        knowledge.learn(done)
    return (Model(model.weights, isotonic(pairs)) if len(pairs) >= ENOUGH else model), len(pairs)
