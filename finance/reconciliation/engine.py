"""Suggestions for bank lines: candidates in order, with evidence and confidence, each line held against the others.

Deterministic, and independent of the order of what it is given. Knows nothing of Django or a database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from finance.reconciliation.features import Features, Reading, features, read
from finance.reconciliation.find import Finder, Found, Index, Payer
from finance.reconciliation.knowledge import Knowledge
from finance.reconciliation.model import Model, shares, shipped
from finance.reconciliation.names import NameIndex
from finance.reconciliation.records import BankLine, Candidate, Market, OpenItem, Partner, Suggestion
from finance.reconciliation.words import evidence

MATCH, LIKELY, EQUAL = 0.95, 0.55, 0.5
"""Confidence of a match and of a likely one; a second candidate with this share of the first's probability makes it doubtful."""
WEAK = 0.2
"""Below this a candidate is not worth a doubt."""
MOST_CANDIDATES = 6
ONLY_IN_TIME = frozenset({"days", "days_named", "days_far", "before_document", "before_named", "payment_near"})


@dataclass(slots=True)
class Judged:
    """A set with what speaks for it."""

    found: Found
    features: Features
    reading: Reading
    score: float = 0.0
    partners: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(item.id for item in self.found.items)


@dataclass(slots=True)
class Case:
    """A bank line with everything found for it."""

    line: BankLine
    payer: Payer
    judged: list[Judged]


class Engine:
    """Open items, partners and what the past teaches; asked for the suggestions of bank lines."""

    def __init__(
        self,
        items: Iterable[OpenItem],
        partners: Iterable[Partner],
        market: Market,
        knowledge: Knowledge,
        model: Model | None = None,
    ) -> None:
        self.model = model or shipped()
        self.market = market
        self.finder = Finder(Index(items), NameIndex(sorted(partners, key=lambda partner: partner.id)), knowledge, market)

    def beside(self, items: Iterable[OpenItem]) -> Engine:
        """The same over other items: the names of partners are not gone through again."""
        other = copy(self)
        other.finder = Finder(Index(items), self.finder.names, self.finder.knowledge, self.market)
        return other

    def items_near(self, lines: Iterable[BankLine]) -> set[int]:
        """Every item that could belong to one of the lines."""
        return {item.id for line in lines for found in self.finder.find(line)[0] for item in found.items}

    def touches(self, line: BankLine) -> bool:
        """Whether any of the items could belong to the line."""
        return bool(self.finder.find(line)[0])

    def cases(self, lines: Iterable[BankLine]) -> list[Case]:
        """What is found for each line, and which lines settle one item together; by the line's id."""
        made = [self._case(line) for line in sorted(lines, key=lambda line: line.id)]
        _join(made)
        return made

    def _case(self, line: BankLine) -> Case:
        sets, payer, said = self.finder.find(line)
        named = self.finder.named(line, said)
        judged = []
        for found in sets:
            reading = read(found, said, self.finder.index, named)
            judged.append(Judged(found, features(line, found, payer, reading), reading))
        return Case(line, payer, judged)

    def suggest(
        self,
        lines: Iterable[BankLine],
        only: Collection[int] | None = None,
        without: Mapping[int, Collection[frozenset[int]]] | None = None,
    ) -> list[Suggestion]:
        """One suggestion for each line, by the line's id.

        ``only``: the lines that are asked for; the others are judged too, since they may want the same items. ``without``:
        sets of items that are out of the question for a line.
        """
        cases = self.cases(lines)
        for case in cases:
            out = (without or {}).get(case.line.id, ())
            case.judged = [one for one in case.judged if frozenset(one.ids) not in out]
            for one in case.judged:
                one.score = self.model.score(one.features)
        taken = self._share_out(cases)
        return [self._suggestion(case, taken) for case in cases if only is None or case.line.id in only]

    def _share_out(self, cases: Sequence[Case]) -> dict[int, list[tuple[int, float]]]:
        """The surest line has its items first. Item -> lines that want it most, with their probability, surest first."""
        wanted: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for case in cases:
            if case.judged:
                chances = shares([one.score for one in case.judged])
                best = min(range(len(chances)), key=lambda at: (-chances[at], case.judged[at].ids))
                if case.judged[best].found.fit.kind != "partial":
                    for key in case.judged[best].ids:
                        wanted[key].append((case.line.id, chances[best]))
        return {key: sorted(claims, key=lambda claim: (-claim[1], claim[0])) for key, claims in wanted.items()}

    def _suggestion(self, case: Case, wanted: dict[int, list[tuple[int, float]]]) -> Suggestion:
        lost = {key for one in case.judged for key in one.ids if _lost(wanted.get(key, []), case.line.id)}
        judged = [one for one in case.judged if not lost.intersection(one.ids)] or case.judged
        chances = shares([one.score for one in judged])
        ranked = sorted(zip(judged, chances, strict=True), key=lambda pair: (-pair[1], len(pair[0].ids), pair[0].ids))[
            :MOST_CANDIDATES
        ]
        if not ranked:
            return Suggestion(case.line.id, "none", (), "No open item fits the amount, the text or the payer")
        rival = _rival(wanted, case.line.id, ranked[0][0].ids)
        candidates = tuple(
            Candidate(
                one.ids,
                one.found.fit,
                evidence(
                    case.line, one.found, one.reading, one.features, case.payer, self.market, self.model.weights, one.partners
                ),
                round(chance, 6),
                min(0.9999, round(self.model.confidence(chance), 4)),
                one.partners,
                _is_twin(one, [other for other, _ in ranked if other is not one]),
            )
            for one, chance in ranked
        )
        return _classified(case.line.id, candidates, rival)


def _lost(claims: Sequence[tuple[int, float]], line: int) -> bool:
    """Whether another line is clearly surer of an item."""
    mine = next((chance for other, chance in claims if other == line), 0.0)
    return bool(claims) and claims[0][0] != line and claims[0][1] >= MATCH and claims[0][1] - mine > 0.02


def _rival(wanted: dict[int, list[tuple[int, float]]], line: int, ids: Sequence[int]) -> int | None:
    """Another bank line that fits one of the items about as well."""
    for key in ids:
        claims = dict(wanted.get(key, ()))
        mine = claims.pop(line, 0.0)
        for other, chance in sorted(claims.items()):
            if chance >= EQUAL * mine and min(chance, mine) >= WEAK:
                return other
    return None


def _is_twin(one: Judged, others: Sequence[Judged]) -> bool:
    """Whether nothing but time tells the set from another, or equal amounts could be exchanged in it."""
    mine = {name: value for name, value in one.features.items() if name not in ONLY_IN_TIME}
    if one.found.interchangeable:
        return True
    return any(
        mine == {name: value for name, value in other.features.items() if name not in ONLY_IN_TIME}
        and one.found.fit.difference == other.found.fit.difference
        for other in others
    )


def _classified(line: int, candidates: tuple[Candidate, ...], rival: int | None) -> Suggestion:
    first, second = candidates[0], candidates[1] if len(candidates) > 1 else None
    if rival is not None:
        return Suggestion(line, "ambiguous", candidates, f"Bank line {rival} fits the same open item as well")
    if first.twin and first.probability >= WEAK / 2:
        return Suggestion(line, "ambiguous", candidates, "Nothing but the date tells it from another candidate")
    if second and first.confidence < MATCH and second.probability >= EQUAL * first.probability and first.probability >= WEAK:
        return Suggestion(line, "ambiguous", candidates, "Two candidates fit about equally well")
    if first.confidence >= MATCH and not first.twin:
        return Suggestion(line, "match", candidates, "One candidate fits and no other comes near it")
    if first.confidence >= LIKELY:
        return Suggestion(line, "likely", candidates, "One candidate fits best, but not beyond doubt")
    return Suggestion(line, "none", candidates, "What was found is weak")


def _join(cases: Sequence[Case]) -> None:
    """Mark parts of one item that two bank lines pay between them."""
    parts: dict[int, list[tuple[BankLine, Judged]]] = defaultdict(list)
    for case in cases:
        for one in case.judged:
            if len(one.found.items) == 1 and one.found.fit.kind == "partial" and one.found.fit.rate is None:
                parts[one.found.items[0].id].append((case.line, one))
    for together in parts.values():
        owed = together[0][1].found.items[0].amount
        paid: dict[int, list[int]] = defaultdict(list)
        for line, one in together:
            paid[owed - abs(one.found.fit.difference) if owed > 0 else owed + abs(one.found.fit.difference)].append(line.id)
        for line, one in together:
            mine = owed - abs(one.found.fit.difference) if owed > 0 else owed + abs(one.found.fit.difference)
            others = [key for key in paid.get(owed - mine, ()) if key != line.id]
            if len(others) == 1:
                one.partners = (others[0],)
                one.features["parts_complete"] = 1.0
