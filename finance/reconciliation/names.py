"""Which partner a name on a statement means: cut short, in capitals, with a slip, under an older name."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from finance.reconciliation.records import Partner
from finance.reconciliation.text import near, pieces

LEGAL = frozenset(
    {"GMBH", "AG", "SE", "KG", "OHG", "UG", "MBH", "CO", "INC", "LLC", "LTD", "LIMITED", "CORP", "PLC", "SA", "SAS", "SARL", "SRL"}
    | {"BV", "NV", "OY", "AB", "AS", "SPA", "SPZOO", "AND", "UND", "THE"}
)
SHORTEST_PREFIX = 3
MOST = 5
COMMON = 400
"""A word that more partners share than this tells nothing, and would cost much."""
PREFIXES = 40


def words(name: str) -> tuple[str, ...]:
    """The words of a name that tell who it is."""
    found = pieces(name)
    return tuple(word for word in found if word not in LEGAL and len(word) > 1) or tuple(found)


class NameIndex:
    """Partners by the words of their names; a word that many partners have weighs less."""

    def __init__(self, partners: Iterable[Partner]) -> None:
        self.names: dict[int, list[tuple[str, ...]]] = {}
        self._holders: dict[str, set[int]] = defaultdict(set)
        for partner in partners:
            self.names[partner.id] = sorted({found for name in partner.names if (found := words(name))})
            for found in self.names[partner.id]:
                for word in found:
                    self._holders[word].add(partner.id)
        self._words = sorted(self._holders)
        self._memo: dict[tuple[tuple[str, ...], bool], list[tuple[int, float]]] = {}

    def weight(self, word: str) -> float:
        """How much a word tells: much for one that few partners have."""
        return math.log(1 + len(self.names) / (1 + len(self._holders.get(word, ()))))

    def find(self, text: str, *, whole: bool = True) -> list[tuple[int, float]]:
        """Partners with how well the name fits, 0 to 1, best first. ``whole``: the text is a name, not a text with one in it."""
        observed = words(text)[:24]
        key = (observed, whole)
        if key not in self._memo:
            if len(self._memo) > 50_000:
                self._memo.clear()
            self._memo[key] = self._find(observed, whole=whole)
        return self._memo[key]

    def _find(self, observed: tuple[str, ...], *, whole: bool) -> list[tuple[int, float]]:
        partners: set[int] = set()
        for word in observed:
            for same in self._alike(word, fuzzy=whole):
                holders = self._holders[same]
                if len(holders) <= COMMON:
                    partners |= holders
        scored = ((partner, max(self._score(observed, name, whole=whole) for name in self.names[partner])) for partner in partners)
        good = [(partner, round(score, 4)) for partner, score in scored if score >= 0.5]
        return sorted(good, key=lambda pair: (-pair[1], pair[0]))[:MOST]

    def _alike(self, word: str, *, fuzzy: bool) -> Iterable[str]:
        if word in self._holders:
            yield word
        if not fuzzy or len(word) < SHORTEST_PREFIX:
            return
        start = at = bisect_left(self._words, word)
        while at < len(self._words) and at < start + PREFIXES and self._words[at].startswith(word):
            yield self._words[at]
            at += 1
        if len(word) >= 5:  # a slip after the first two letters
            at = bisect_left(self._words, word[:2])
            stop = min(bisect_left(self._words, word[:2] + "￿"), at + 500)
            yield from (other for other in self._words[at:stop] if other != word and near(word, other))

    def _score(self, observed: tuple[str, ...], name: tuple[str, ...], *, whole: bool) -> float:
        matched = {word: max((_likeness(seen, word, last=seen == observed[-1]) for seen in observed), default=0.0) for word in name}
        total = sum(self.weight(word) for word in name)
        got = sum(self.weight(word) * part for word, part in matched.items())
        if not whole:
            return got / total if total and all(part == 1.0 for part in matched.values()) else 0.0
        seen = {word: max((_likeness(word, other, last=word == observed[-1]) for other in name), default=0.0) for word in observed}
        shown = sum(self.weight(word) for word in seen)
        return (
            0.65 * sum(self.weight(word) * part for word, part in seen.items()) / shown + 0.35 * got / total
            if shown and total
            else 0.0
        )


def _likeness(seen: str, word: str, *, last: bool) -> float:
    """1 for the same word, less for one cut off at the end of the name or with one slip."""
    if seen == word:
        return 1.0
    if last and len(seen) >= SHORTEST_PREFIX and word.startswith(seen):
        return 0.9
    return 0.8 if len(word) >= 5 and len(seen) >= 5 and near(seen, word) else 0.0
