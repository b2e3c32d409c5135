"""What the engine reads and says. Amounts are whole minor units (cents) of their currency; positive is money to us."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Class = Literal["match", "likely", "ambiguous", "none"]
Kind = Literal["invoice", "bill", "credit_note", "refund", "payment", "entry"]
FitKind = Literal["exact", "fee", "discount", "exchange", "partial", "over"]


@dataclass(frozen=True, slots=True)
class BankLine:
    """A line of a bank statement. ``text`` is the free text; ``foreign_*`` what was paid where the bank exchanged it."""

    id: int
    company: int
    day: date
    amount: int
    currency: str
    text: str = ""
    partner_name: str = ""
    partner: int | None = None
    foreign_amount: int | None = None
    foreign_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """What may be taken off when paid by ``until``: ``basis_points`` of 200 are 2 %."""

    basis_points: int
    until: date


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A journal item that is not settled: ``amount`` is its rest in ``currency``, ``balance`` in the company's currency.

    What customers owe is positive, what is owed to vendors negative. ``document`` is shared by the instalments of one invoice.
    """

    id: int
    company: int
    document: int
    kind: Kind
    number: str
    partner: int | None
    day: date
    due: date
    currency: str
    amount: int
    balance: int
    references: tuple[str, ...] = ()
    discount: Discount | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner with every name it has had; contacts of a company are the company."""

    id: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A bank line of the past with what people settled by it. ``fee`` is what the bank kept, in the line's currency."""

    line: BankLine
    items: tuple[OpenItem, ...]
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Market:
    """Currencies: each company's own, decimals, and rates (units of a currency for one of the company's) by day, ascending."""

    company_currency: Mapping[int, str]
    decimals: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[tuple[int, str], Sequence[tuple[date, float]]] = field(default_factory=dict)

    def rate(self, company: int, currency: str, day: date) -> float | None:
        """The rate of a day: the newest until then, else the oldest; None for a currency without any."""
        if currency == self.company_currency.get(company):
            return 1.0
        known = self.rates.get((company, currency))
        if not known:
            return None
        return known[max(0, bisect_right(known, day, key=lambda pair: pair[0]) - 1)][1]

    def to_company(self, amount: int, company: int, currency: str, day: date) -> int | None:
        """Minor units of a currency as minor units of the company's; None without a rate."""
        rate = self.rate(company, currency, day)
        own = self.company_currency.get(company, currency)
        return None if not rate else round(amount / rate * 10 ** (self.places(own) - self.places(currency)))

    def places(self, currency: str) -> int:
        """The decimals of a currency; 2 unless told."""
        return self.decimals.get(currency, 2)

    def text(self, amount: int, currency: str) -> str:
        """``12.50 EUR``."""
        places = self.places(currency)
        whole, part = divmod(abs(amount), 10**places)
        return f"{'-' if amount < 0 else ''}{whole}{f'.{part:0{places}d}' if places else ''} {currency}"


@dataclass(frozen=True, slots=True)
class Fit:
    """How the amounts agree. ``difference`` is the bank's amount less the items', without sign, in ``currency``."""

    kind: FitKind
    difference: int
    currency: str
    known_fee: bool = False
    late: bool = False
    percent: float = 0.0
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against: ``code`` and ``data`` for programs, ``words`` for people. ``weight`` > 0 speaks for it."""

    code: str
    words: str
    weight: float
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Open items that a bank line may settle. ``with_lines``: other bank lines that settle the one item together with it.

    ``probability`` is the model's, ``confidence`` the calibrated one.
    """

    items: tuple[int, ...]
    fit: Fit
    evidence: tuple[Evidence, ...] = ()
    probability: float = 0.0
    confidence: float = 0.0
    with_lines: tuple[int, ...] = ()
    twin: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The candidates of one bank line, best first, and how far they can be relied on; ``reason`` in words."""

    line: int
    outcome: Class
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
