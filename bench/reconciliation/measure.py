"""Runs the engine and the plain rule over the months of a ledger and counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bench.reconciliation.cases import Case, Window, windows
from bench.reconciliation.ledgers import Books
from finance.reconciliation.engine import Engine
from finance.reconciliation.fitting import Case as Example
from finance.reconciliation.history import same
from finance.reconciliation.knowledge import Knowledge, name_key
from finance.reconciliation.model import Model
from finance.reconciliation.records import OpenItem, Suggestion


@dataclass(slots=True)
class Tally:
    """Counts over cases. ``solvable``: those that have an answer which the data can tell."""

    solvable: int = 0
    first: int = 0
    among: int = 0
    selected: int = 0
    right: int = 0
    right_solvable: int = 0
    twins: int = 0
    twins_selected: int = 0
    without: int = 0
    without_selected: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    probabilities: list[tuple[float, bool]] = field(default_factory=list)
    by: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    plain: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in (
            "solvable",
            "first",
            "among",
            "selected",
            "right",
            "right_solvable",
            "twins",
            "twins_selected",
            "without",
            "without_selected",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.classes += other.classes
        self.probabilities += other.probabilities
        self.wrong += other.wrong
        self.plain += other.plain
        for key, counts in other.by.items():
            self.by[key] += counts


def run(books: Books, seed: int, model: Model | None) -> Tally:
    """All months of a ledger, each with what the months before it teach."""
    tally, knowledge = Tally(), Knowledge()
    for window in windows(books, seed):
        engine = Engine(window.items.values(), books.partners, books.market, knowledge, model)
        suggestions = {one.line: one for one in engine.suggest(case.line for case in window.cases)}
        for case in window.cases:
            count(tally, case, suggestions[case.line.id], window.items)
            plain(tally, case, window, books)
        knowledge.learn(window.settled)
    return tally


def examples(books: Books, seed: int) -> list[Example]:
    """What the weights are fitted on: the features of all sets of a line, and which is right."""
    found: list[Example] = []
    knowledge = Knowledge()
    for window in windows(books, seed):
        answers = {case.line.id: case for case in window.cases}
        engine = Engine(window.items.values(), books.partners, books.market, knowledge, Model())
        for one in engine.cases(case.line for case in window.cases):
            case = answers[one.line.id]
            right = next(
                (at for at, judged in enumerate(one.judged) if same(frozenset(judged.ids), case.answer, window.items)), None
            )
            if one.judged:
                found.append(([judged.features for judged in one.judged], right))
        knowledge.learn(window.settled)
    return found


def count(tally: Tally, case: Case, given: Suggestion, items: dict[int, OpenItem]) -> None:
    top = given.candidates[0] if given.candidates else None
    right = bool(top and same(frozenset(top.items), case.answer, items))
    selected = given.outcome == "match"
    tally.classes[given.outcome] += 1
    tally.selected += selected
    tally.right += selected and right
    if top:
        tally.probabilities.append((top.probability, right))
    if selected and not right:
        tally.wrong.append(f"{case.line.id}: {dict(case.done)}")
    if case.done.get("special") == "twin":
        tally.twins += 1
        tally.twins_selected += selected
    elif not case.answer:
        tally.without += 1
        tally.without_selected += selected
    else:
        tally.solvable += 1
        tally.first += right
        tally.among += any(same(frozenset(one.items), case.answer, items) for one in given.candidates)
        tally.right_solvable += selected and right
        for what, value in case.done.items():
            tally.by[what, value] += Counter(cases=1, first=int(right), selected=int(selected), right=int(selected and right))


def plain(tally: Tally, case: Case, window: Window, books: Books) -> None:
    """The rule that the engine is held against: the one open item of the same amount and partner, by the partner's name."""
    paid = {(case.line.amount, case.line.currency), (case.line.foreign_amount, case.line.foreign_currency)}
    name = name_key(case.line.partner_name)
    fitting = [
        item.id
        for item in window.items.values()
        if item.company == case.line.company
        and (item.amount, item.currency) in paid
        and item.partner
        and name
        and name_key(books.names.get(item.partner, "")).startswith(name)
    ]
    solvable = bool(case.answer) and case.done.get("special") != "twin"
    tally.plain["solvable"] += solvable
    if len(fitting) == 1:
        right = same(frozenset(fitting), case.answer, window.items)
        tally.plain["selected"] += 1
        tally.plain["right"] += right
        tally.plain["right_solvable"] += right and solvable
        tally.plain["twins"] += case.done.get("special") == "twin"
