"""Which open items could belong to a bank line: by its amount, by the documents it names, by who paid."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from finance.reconciliation.amounts import EXCHANGE_BAND, FEE_SHARE, MOST_FEE, discounted, fit
from finance.reconciliation.knowledge import Knowledge
from finance.reconciliation.names import NameIndex
from finance.reconciliation.records import BankLine, Fit, Market, OpenItem
from finance.reconciliation.sums import MOST_AMOUNTS, Budget, subsets
from finance.reconciliation.text import SHORTEST_FUZZY, Keys, Mentions, keys, mentions, shortened

MOST = 40
"""Open items looked at for each way of finding them."""
MOST_PARTIAL, MOST_NAMED, MOST_GROUPS, MOST_HINTS = 5, 30, 3, 8
MOST_PAIRED, MOST_PAIRS = 24, 300_000
"""Pairs are kept for partners with so many open items, and so many in all."""


@dataclass(slots=True)
class Payer:
    """Who the statement says has paid: partner -> (how it is known, how well the name fits)."""

    known: dict[int, tuple[str, float]] = field(default_factory=dict)
    named: bool = False

    @property
    def surest(self) -> int | None:
        """The partner that nothing speaks against; None when in doubt."""
        best = sorted(self.known.items(), key=lambda pair: (-pair[1][1], pair[0]))[:2]
        clear = best and best[0][1][1] >= 0.8 and (len(best) == 1 or best[0][1][1] - best[1][1][1] >= 0.1)
        return best[0][0] if clear else None


@dataclass(frozen=True, slots=True)
class Found:
    """A set of open items before it is judged. ``alternatives``: other sums of this partner that come to the amount."""

    items: tuple[OpenItem, ...]
    fit: Fit
    alternatives: int = 0
    interchangeable: bool = False


class Index:
    """The open items of one ledger, found in time that does not grow with their number."""

    def __init__(self, items: Iterable[OpenItem]) -> None:
        self.items = {item.id: item for item in sorted(items, key=lambda item: (item.due, item.id)) if item.amount}
        self.by_amount: dict[tuple[int, str, int], list[int]] = defaultdict(list)
        self.by_partner: dict[tuple[int, int | None], list[int]] = defaultdict(list)
        self.by_reference: dict[tuple[int, str, str], list[int]] = defaultdict(list)
        self.keys: dict[int, tuple[Keys, ...]] = {}
        ranges: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
        foreign: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for item in self.items.values():
            self._add(item, ranges, foreign)
        self._slips: dict[tuple[int, str], list[int]] | None = None
        self._pairs: dict[tuple[int, str, int], list[tuple[int, int]]] | None = None
        self.ranges = {key: sorted(pairs) for key, pairs in ranges.items()}
        self.foreign = {key: sorted(pairs) for key, pairs in foreign.items()}

    def _add(
        self, item: OpenItem, ranges: dict[tuple[int, str], list[tuple[int, int]]], foreign: dict[int, list[tuple[int, int]]]
    ) -> None:
        for amount in {item.amount, discounted(item)}:
            self.by_amount[item.company, item.currency, amount].append(item.id)
        self.by_partner[item.company, item.partner].append(item.id)
        ranges[item.company, item.currency].append((item.amount, item.id))
        foreign[item.company].append((item.balance, item.id))
        self.keys[item.id] = tuple(found for text in dict.fromkeys((item.number, *item.references)) if (found := keys(text)).full)
        for found in self.keys[item.id]:
            for what in ("full", "core", "tail"):
                if key := getattr(found, what):
                    self.by_reference[item.company, what, key].append(item.id)

    def slips(self, company: int, key: str) -> list[int]:
        """Items whose number is this one but for one slip."""
        if self._slips is None:
            self._slips = defaultdict(list)
            for (owner, what, known), holders in self.by_reference.items():
                if what == "full" and len(known) >= SHORTEST_FUZZY:
                    for cut in shortened(known):
                        self._slips[owner, cut] += holders
        return sorted({found for cut in shortened(key) for found in self._slips.get((company, cut), ())})

    def pairs(self, company: int, currency: str, amount: int) -> list[tuple[int, int]]:
        """Two items of one partner that come to an amount."""
        if self._pairs is None:
            self._pairs = defaultdict(list)
            left = MOST_PAIRS
            for (owner, partner), mine in sorted(self.by_partner.items(), key=str):
                left -= len(mine) * (len(mine) - 1) // 2
                if partner is None or len(mine) > MOST_PAIRED or left < 0:
                    continue
                for one, other in combinations([self.items[key] for key in mine], 2):
                    if one.currency == other.currency:
                        self._pairs[owner, one.currency, one.amount + other.amount].append((one.id, other.id))
        return self._pairs.get((company, currency, amount), [])[:MOST_HINTS]

    def between(self, company: int, currency: str, low: int, high: int) -> list[int]:
        """Items with a rest from ``low`` to ``high``, at most :data:`MOST`."""
        pairs = self.ranges.get((company, currency), [])
        return [key for _, key in pairs[bisect_left(pairs, (low,)) : bisect_right(pairs, (high, 2**63))][:MOST]]

    def worth(self, company: int, low: int, high: int) -> list[int]:
        """Items with a rest from ``low`` to ``high`` in the company's currency, at most :data:`MOST`."""
        pairs = self.foreign.get(company, [])
        return [key for _, key in pairs[bisect_left(pairs, (low,)) : bisect_right(pairs, (high, 2**63))][:MOST]]


@dataclass(slots=True)
class Finder:
    """Finds sets of open items for bank lines."""

    index: Index
    names: NameIndex
    knowledge: Knowledge
    market: Market

    def payer(self, line: BankLine) -> Payer:
        """Everybody who may have paid."""
        payer = Payer(named=bool(line.partner_name.strip() or line.partner))
        found = [(partner, ("text", 0.9 * score)) for partner, score in self.names.find(line.text, whole=False)]
        found += [(partner, ("name", score)) for partner, score in self.names.find(line.partner_name)]
        if learned := self.knowledge.partner(line):
            found.append((learned[0], (f"alias_{learned[1]}", 0.97 if learned[1] == "name" else 0.9)))
        if line.partner is not None:
            found.append((line.partner, ("same", 1.0)))
        for partner, (how, score) in found:
            if score > payer.known.get(partner, ("", 0.0))[1]:
                payer.known[partner] = how, score
        return payer

    def find(self, line: BankLine) -> tuple[list[Found], Payer, Mentions]:
        """All sets worth judging, without doubles, in an order that depends on nothing but the data."""
        payer, said = self.payer(line), mentions(line.text)
        named = self.named(line, said)
        singles = self._singles(line, payer, named, said)
        sets = {frozenset({found.items[0].id}): found for found in singles}
        for found in self._sums(line, payer, named):
            sets.setdefault(frozenset(item.id for item in found.items), found)
        return sorted(sets.values(), key=lambda found: [item.id for item in found.items]), payer, said

    def named(self, line: BankLine, said: Mentions) -> list[int]:
        """Items whose number stands in the text, clearly or as year and number."""
        found: dict[int, None] = {}
        for what, given in (("full", said.full), ("core", said.core)):
            for key in sorted(given):
                found |= dict.fromkeys(self.index.by_reference.get((line.company, what, key), [])[:MOST])
        return [key for key in found if self.index.items[key].amount * line.amount > 0 or len(found) > 1][:MOST_NAMED]

    def _singles(self, line: BankLine, payer: Payer, named: Sequence[int], said: Mentions) -> list[Found]:
        """One item each; in part or too much only where the text or the payer points to it."""
        pointed = dict.fromkeys([*named, *self._hinted(line, said, named)])
        for partner in sorted(payer.known, key=lambda partner: (-payer.known[partner][1], partner))[:MOST_GROUPS]:
            pointed |= dict.fromkeys(self._nearest(line, self.index.by_partner.get((line.company, partner), [])))
        by_amount = self._by_amount(line, pointed)
        found: list[Found] = []
        partial = 0
        for key in sorted({*pointed, *by_amount}, key=lambda key: (key not in named, self.index.items[key].due, key)):
            item = self.index.items[key]
            how = fit(line, [item], self.market, self.knowledge)
            if how is None or (how.kind in ("partial", "over") and key not in pointed):
                continue
            if how.kind in ("partial", "over") and key not in named:
                partial += 1
                if partial > MOST_PARTIAL:
                    continue
            found.append(Found((item,), how))
        return _first_instalments(found)

    def _hinted(self, line: BankLine, said: Mentions, named: Sequence[int]) -> list[int]:
        """Items whose last digits stand in the text, or whose number does with a slip, where no number stands clearly."""
        found: list[int] = []
        for key in () if named else [*sorted(said.tail), *sorted(said.full)]:
            tails = self.index.by_reference.get((line.company, "tail", key), []) if key in said.tail else []
            hits = tails or (self.index.slips(line.company, key) if len(key) >= SHORTEST_FUZZY else [])
            hits = [hit for hit in hits if self.index.items[hit].amount * line.amount > 0]
            found += hits if len(hits) <= MOST_HINTS else []
        return found[: 2 * MOST_HINTS]

    def _by_amount(self, line: BankLine, preferred: Iterable[int]) -> list[int]:
        """Items of that amount, of a little more or less for fees, and in other currencies at about the rate."""
        wanted = set(preferred)
        found: list[int] = []
        for amount, currency in ((line.amount, line.currency), (line.foreign_amount, line.foreign_currency)):
            if amount is None or currency is None:
                continue
            same = self.index.by_amount.get((line.company, currency, amount), [])
            found += self._nearest(line, [key for key in same if key not in wanted] if len(same) > MOST else same)
            slack = round(min(MOST_FEE, abs(amount) * FEE_SHARE / (1 - FEE_SHARE)))
            found += self.index.between(line.company, currency, amount + 1, amount + slack)
            for fee in self.knowledge.usual_fees(currency):
                found += self._nearest(line, self.index.by_amount.get((line.company, currency, amount + fee), []))
        worth = self.market.to_company(line.amount, line.company, line.currency, line.day)
        if worth is not None and line.foreign_amount is None:
            reach = round(abs(worth) * EXCHANGE_BAND * 2)
            near = self.index.worth(line.company, worth - reach, worth + reach)
            found += [key for key in near if self.index.items[key].currency != line.currency]
        return found

    def _nearest(self, line: BankLine, keys_: Sequence[int]) -> list[int]:
        """At most :data:`MOST`, those due nearest to the day."""
        if len(keys_) <= MOST:
            return list(keys_)
        at = bisect_left(keys_, line.day, key=lambda key: self.index.items[key].due)
        return list(keys_[max(0, at - MOST // 2) : at + MOST // 2])

    def _sums(self, line: BankLine, payer: Payer, named: Sequence[int]) -> list[Found]:
        """Several items: all that the text names, or those of one partner that come to the amount."""
        found: list[Found] = []
        budget = Budget()
        items = [self.index.items[key] for key in named]
        if len(items) > 1:
            how = fit(line, items, self.market, self.knowledge)
            if how and how.kind != "over":
                found.append(Found(tuple(items), how))
            found += self._adding_up(line, items, budget)
        partners = {item.partner for item in items} | set(sorted(payer.known, key=lambda p: (-payer.known[p][1], p))[:MOST_GROUPS])
        for partner in sorted(partners - {None}, key=str):
            mine = self.index.by_partner.get((line.company, partner), [])
            mine = mine if len(mine) <= MOST_AMOUNTS else self._nearest(line, mine)
            found += self._adding_up(line, [self.index.items[key] for key in mine], budget)
        if not found:
            found = self._pairs(line)
        return found

    def _pairs(self, line: BankLine) -> list[Found]:
        """Two items of any one partner, where nothing says who has paid."""
        pairs = self.index.pairs(line.company, line.currency, line.amount)
        chosen = [(self.index.items[one], self.index.items[other]) for one, other in pairs]
        fits = [(pair, fit(line, pair, self.market, self.knowledge)) for pair in chosen]
        return [Found(pair, how, len(pairs) - 1) for pair, how in fits if how]

    def _adding_up(self, line: BankLine, items: Sequence[OpenItem], budget: Budget) -> list[Found]:
        """Sums in one currency: to the amount itself, and to the amount with a usual fee."""
        found: list[Found] = []
        for amount, currency in ((line.amount, line.currency), (line.foreign_amount, line.foreign_currency)):
            same = [item for item in items if item.currency == currency]
            if amount is None or currency is None or len(same) < 2:
                continue
            for target in (amount, *(amount + fee for fee in self.knowledge.usual_fees(currency))):
                sums, complete = subsets([item.amount for item in same], target, budget)
                sums += (
                    subsets([discounted(item) for item in same], target, budget)[0] if any(item.discount for item in same) else []
                )
                for one in sums:
                    chosen = tuple(same[at] for at in one.positions)
                    how = fit(line, chosen, self.market, self.knowledge)
                    if how and how.kind in ("exact", "fee", "discount"):
                        found.append(Found(chosen, how, len(sums) - 1 + (not complete), one.interchangeable))
        return found


def _first_instalments(found: Iterable[Found]) -> list[Found]:
    """Of equal instalments of one document only the one that is due first: they are settled in that order."""
    first: dict[tuple[int, str, int], Found] = {}
    for one in found:
        item = one.items[0]
        key = item.document, item.currency, item.amount
        if key not in first or (item.due, item.id) < (first[key].items[0].due, first[key].items[0].id):
            first[key] = one
    return list(first.values())
