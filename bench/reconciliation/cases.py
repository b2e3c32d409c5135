"""Makes the bank lines of a ledger as bad as banks and payers make them; the answer stays known.

What is done to a line depends on nothing but the seed and the line. The shares below were set before anything was measured.
"""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bench.reconciliation.ledgers import Books
from finance.reconciliation.history import Truth
from finance.reconciliation.records import BankLine, Discount, OpenItem, Settled

TEXTS = {
    "clean": 0.34,
    "squeezed": 0.08,
    "core": 0.08,
    "lookalike": 0.06,
    "slip": 0.10,
    "tail": 0.06,
    "wrong": 0.03,
    "missing": 0.25,
}
NAMES = {
    "full": 0.24,
    "cut": 0.24,
    "id": 0.10,
    "wrong id": 0.01,
    "old": 0.10,
    "slip": 0.07,
    "nobody": 0.15,
    "stranger": 0.05,
    "another": 0.04,
}
AMOUNTS = {"same": 0.72, "fee": 0.09, "discount": 0.06, "split": 0.04, "merged": 0.09}
SPECIAL = {"": 0.94, "absent": 0.03, "twin": 0.03}
"""``absent``: the document is not entered yet. ``twin``: another document of that amount, and no word of which is meant."""
NOISE = 0.05
FEES = (1250, 250, 1500)
SENTENCES = (
    "Invoice {0}",
    "{0}",
    "Payment of {0}, thank you",
    "RF {0} /ROC/ {2}",
    "{0} from our account",
    "SEPA CREDIT {0} EREF 83{1}",
)
EMPTY = (
    "Payment, thank you",
    "TRANSFER",
    "SEPA CREDIT EREF 99{1}",
    "Online banking {1}",
    "",
    "POS {2} 12/03 TERM 0{3}",
    "R:{1} 10/07 AX {2} BRT: 100.00",
    "Your order {2} of 2026-02",
)
SPLIT_ID = 20_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """A bank line as the engine sees it, the items that people settled by it, and what was done to it."""

    line: BankLine
    answer: frozenset[int]
    done: Mapping[str, str]


@dataclass(slots=True)
class Window:
    """A month: its bank lines, everything open at its end, and what it teaches once people have settled it."""

    cases: list[Case]
    items: dict[int, OpenItem]
    settled: list[Settled] = field(default_factory=list)


def windows(books: Books, seed: int) -> Iterator[Window]:
    """The months of a ledger, made bad."""
    for truths, items in books.windows():
        yield Maker(books, dict(items), seed).window(truths)


def pick(rng: random.Random, shares: Mapping[str, float]) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]


class Maker:
    """Makes one month."""

    def __init__(self, books: Books, items: dict[int, OpenItem], seed: int) -> None:
        self.books, self.items, self.seed = books, items, seed
        self.uses: Counter[int] = Counter()
        self._offer_discounts()

    def rng(self, *of: object) -> random.Random:
        return random.Random(f"{self.seed}:{of}")

    def _offer_discounts(self) -> None:
        """A quarter of the partners may take 2 % within two weeks."""
        for key, item in self.items.items():
            if item.partner is not None and item.partner % 4 == 0 and item.kind in ("invoice", "bill"):
                self.items[key] = replace(item, discount=Discount(200, item.day + timedelta(days=14)))

    def window(self, truths: Sequence[Truth]) -> Window:
        window = Window([], self.items)
        waiting = [truth for truth in truths if truth.items and all(key in self.items for key in truth.items)]
        self.uses = Counter(key for truth in waiting for key in truth.items)
        merged = self._merge(waiting)
        for truth in truths:
            if not truth.items:
                window.cases.append(Case(truth.line, frozenset(), {"special": "no document"}))
        for group in merged:
            for case, fee in self._cases(group):
                window.cases.append(case)
                if case.answer:
                    window.settled.append(Settled(case.line, tuple(self.items[key] for key in sorted(case.answer)), fee))
        for number in range(round(NOISE * len(window.cases))):
            window.cases.append(self._noise(truths[0].line, number))
        return window

    def _merge(self, truths: Sequence[Truth]) -> list[list[Truth]]:
        """Single lines, and now and then two to four of one partner that are paid at once."""
        groups: list[list[Truth]] = []
        open_groups: dict[object, list[Truth]] = {}
        for truth in truths:
            first = self.items[truth.items[0]]
            key = first.partner, truth.line.amount > 0, first.currency, truth.line.company, truth.line.foreign_currency
            rng = self.rng("merge", truth.line.id)
            usable = len(truth.items) == 1 and not truth.fee and first.partner is not None
            found = open_groups.get(key)
            if usable and found and len(found) < 4 and truth.items[0] not in {one.items[0] for one in found}:
                found.append(truth)
                if rng.random() < 0.6:
                    del open_groups[key]
                continue
            group = [truth]
            groups.append(group)
            if usable and rng.random() < AMOUNTS["merged"] * 2:  # about half find a second one to go with
                open_groups[key] = group
        return groups

    def _alone(self, item: OpenItem) -> bool:
        """Whether the item is all of its document, and one bank line pays all of it."""
        return self.uses[item.id] == 1 and sum(one.document == item.document for one in self.items.values()) == 1

    def _cases(self, group: Sequence[Truth]) -> Iterator[tuple[Case, int]]:
        line, keys = group[0].line, frozenset(key for truth in group for key in truth.items)
        rng = self.rng("case", line.id)
        if len(group) > 1:
            foreign = sum(truth.line.foreign_amount or 0 for truth in group)
            line = replace(line, amount=sum(truth.line.amount for truth in group), day=max(truth.line.day for truth in group))
            line = replace(line, foreign_amount=foreign or None)
        items = [self.items[key] for key in sorted(keys)]
        special = pick(rng, SPECIAL) if len(items) == 1 and self._alone(items[0]) else ""
        line, amount, fee = self._amount(rng, line, items, merged=len(group) > 1, fee=group[0].fee)
        line, text = self._text(rng, line, items, nothing=special == "twin")
        line, name = self._name(rng, line, items[0].partner, nobody=special == "twin")
        done = {"text": text, "name": name, "amount": amount, "special": special}
        if special == "twin":
            self._twin(items[0])
        if special == "absent":
            self.items.pop(items[0].id, None)
            yield Case(line, frozenset(), done), 0
        elif amount == "split":
            for part in self._split(rng, line):
                yield Case(part, keys, done), 0
        else:
            yield Case(line, keys, done), fee

    def _amount(
        self, rng: random.Random, line: BankLine, items: Sequence[OpenItem], *, merged: bool, fee: int
    ) -> tuple[BankLine, str, int]:
        if line.foreign_amount is not None:
            if rng.random() < 0.5:
                return line, "merged" if merged else "foreign", 0
            moved = round(line.amount * (1 + rng.uniform(-0.015, 0.015)))
            return replace(line, amount=moved, foreign_amount=None, foreign_currency=None), "exchange", 0
        if merged:
            return line, "merged", 0
        if fee or len(items) > 1:
            return line, "fee" if fee else "same", fee
        whole = abs(line.amount) == abs(items[0].amount) and line.currency == items[0].currency
        wanted = pick(rng, {name: share for name, share in AMOUNTS.items() if name != "merged"})
        if wanted == "fee" and abs(line.amount) > 4 * max(FEES):
            fee = rng.choice(FEES) if rng.random() < 0.7 else round(abs(line.amount) * rng.uniform(0.002, 0.008))
            fee = max(1, min(fee, 5000))
            return replace(line, amount=line.amount - fee), "fee", fee
        if items[0].discount and whole and rng.random() < 0.35:
            day = max(items[0].day, min(line.day, items[0].day + timedelta(days=rng.randint(1, 14))))
            return replace(line, amount=line.amount - round(line.amount * 0.02), day=day), "discount", 0
        if wanted == "split" and abs(line.amount) > 1000 and items[0].kind != "payment":
            return line, "split", 0
        return line, "same" if whole else "part", 0

    def _split(self, rng: random.Random, line: BankLine) -> list[BankLine]:
        part = round(line.amount * rng.choice((0.5, 0.3, rng.uniform(0.2, 0.8))))
        later = replace(line, id=line.id + SPLIT_ID, amount=line.amount - part, day=line.day + timedelta(days=rng.randint(1, 9)))
        return [replace(line, amount=part), later]

    def _text(self, rng: random.Random, line: BankLine, items: Sequence[OpenItem], *, nothing: bool) -> tuple[BankLine, str]:
        kind = "missing" if nothing else pick(rng, TEXTS)
        numbers = [self._number(item) for item in items]
        digits = f"{rng.randrange(10**8):08d}", f"{rng.randrange(10**5):05d}", f"{rng.randrange(10**3):03d}"
        if kind == "missing":
            return replace(line, text=rng.choice(EMPTY).format("", *digits)), kind
        if kind == "wrong":
            others = [self._number(item) for item in self.items.values() if item.id not in {one.id for one in items}]
            numbers = [rng.choice(others or numbers)]
        shown = " ".join(spoil(rng, number, kind) for number in numbers)
        return replace(line, text=rng.choice(SENTENCES).format(shown, *digits)), kind

    def _number(self, item: OpenItem) -> str:
        """What the payer quotes: our number to customers, the vendor's own to vendors."""
        if item.kind in ("payment", "bill", "refund", "entry") and item.references:
            return item.references[0]
        return item.number

    def _name(self, rng: random.Random, line: BankLine, partner: int | None, *, nobody: bool) -> tuple[BankLine, str]:
        kind = "nobody" if nobody else pick(rng, NAMES)
        true = self.books.names.get(partner or 0, "")
        if kind == "nobody" or not true:
            return replace(line, partner_name=""), "nobody"
        if kind in ("id", "wrong id"):
            others = sorted(found.id for found in self.books.partners if found.id != partner)
            return replace(line, partner_name="", partner=partner if kind == "id" else rng.choice(others)), kind
        if kind == "another":
            name = rng.choice(sorted(found.names[0] for found in self.books.partners if found.id != partner))
        elif kind == "stranger":
            name = " ".join("".join(rng.choices(string.ascii_uppercase, k=7)) for _ in range(2))
        elif kind == "old":
            old = random.Random(f"{self.books.name}:{partner}")
            name = " ".join("".join(old.choices(string.ascii_uppercase, k=8)) for _ in range(2)) + " HOLDING"
        else:
            name = {"full": true, "cut": true.upper()[:18].strip(), "slip": slip(rng, true)}[kind]
        return replace(line, partner_name=name), kind

    def _twin(self, item: OpenItem) -> None:
        """Another open document of that amount and about that day, of another partner or the same."""
        rng = self.rng("twin", item.id)
        others = sorted({one.partner for one in self.items.values() if one.partner} - {item.partner})
        key = item.id + 50_000_000
        partner = rng.choice([item.partner, *others[:5]])
        self.items[key] = replace(
            item, id=key, document=key, number=f"{item.number[:-2]}{rng.randrange(10, 99)}", partner=partner, references=()
        )

    def _noise(self, like: BankLine, number: int) -> Case:
        """A bank line of its own account that no document belongs to."""
        rng = self.rng("noise", like.id, number)
        amount = rng.choice((-1, 1)) * rng.randrange(500, 300_000)
        text = rng.choice(("CARD FEE 11/2026", "INTEREST Q3", "ATM 44120 MAIN ST", "REFUND TAX OFFICE 2041/77", "SALARY ADVANCE"))
        line = BankLine(40_000_000 + like.id * 100 + number, like.company, like.day, amount, like.currency, text)
        return Case(line, frozenset(), {"special": "no document"})


def spoil(rng: random.Random, number: str, kind: str) -> str:
    """A document number as it arrives."""
    if kind == "squeezed":
        return "".join(sign for sign in number if sign.isalnum())
    if kind == "core":
        return number.partition("/")[2] or number
    if kind == "tail":
        return number.rpartition("/")[2] or number
    if kind == "lookalike":
        return number.translate(str.maketrans("0158", rng.choice(("OISB", "OIS8", "0IS8", "O158"))))
    return slip(rng, number) if kind == "slip" else number


def slip(rng: random.Random, text: str) -> str:
    """One sign changed, lost or swapped with the next."""
    places = [at for at, sign in enumerate(text) if sign.isalnum()][1:-1]
    if not places:
        return text
    at = rng.choice(places)
    kind = rng.choice(("changed", "lost", "swapped"))
    if kind == "changed":
        return text[:at] + rng.choice(string.digits if text[at].isdigit() else string.ascii_lowercase) + text[at + 1 :]
    return text[:at] + text[at + 1 :] if kind == "lost" else text[:at] + text[at + 1] + text[at] + text[at + 2 :]
