"""What past reconciliations teach: the names and texts under which partners pay, and the fees that banks keep."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from finance.reconciliation.names import words
from finance.reconciliation.records import BankLine, Settled
from finance.reconciliation.text import fingerprint

DOMINANT = 0.8
KNOWN_FEE = 2  # times seen


def name_key(name: str) -> str:
    """A name as it is remembered."""
    return " ".join(words(name))


@dataclass(slots=True)
class Knowledge:
    """Counts by name, by text without numbers, and of fees by currency."""

    names: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    texts: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    fees: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    partners: dict[int, set[str]] = field(default_factory=dict)
    """The names that a partner has had."""

    def learn(self, settled: Iterable[Settled]) -> Knowledge:
        """Add what these lines teach; returns itself."""
        for one in settled:
            partners = {item.partner for item in one.items if item.partner is not None}
            if len(partners) == 1:
                (partner,) = partners
                for store, key in ((self.names, name_key(one.line.partner_name)), (self.texts, fingerprint(one.line.text))):
                    if key:
                        store[key][partner] += 1
            if one.fee > 0:
                self.fees[one.line.currency][one.fee] += 1
        return self

    def partner(self, line: BankLine) -> tuple[int, str, int] | None:
        """Who has paid under this name or text, whether it was ``name`` or ``text``, and how often; None when in doubt."""
        for store, key, what in ((self.names, name_key(line.partner_name), "name"), (self.texts, fingerprint(line.text), "text")):
            counts = store.get(key) if key else None
            if counts:
                partner, times = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
                if times >= DOMINANT * counts.total() and (what == "name" or times >= 2):
                    return partner, what, times
        return None

    def is_known_fee(self, amount: int, currency: str) -> bool:
        """Whether a bank has kept this amount before, more than once."""
        return self.fees.get(currency, Counter())[amount] >= KNOWN_FEE

    def usual_fees(self, currency: str) -> list[int]:
        """The fees seen most, at most three."""
        counts = self.fees.get(currency, Counter())
        return [fee for fee, times in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if times >= KNOWN_FEE][:3]

    def as_json(self) -> dict[str, Any]:
        """Plain data, for storage."""
        stores = {"names": self.names, "texts": self.texts, "fees": self.fees}
        data: dict[str, Any] = {
            name: {key: _plain(counts) for key, counts in sorted(store.items())} for name, store in stores.items()
        }
        return data | {"partners": {str(partner): sorted(names) for partner, names in sorted(self.partners.items())}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Knowledge:
        """What :meth:`as_json` gave."""
        made = cls(partners={int(partner): set(names) for partner, names in data.get("partners", {}).items()})
        for name, store in (("names", made.names), ("texts", made.texts), ("fees", made.fees)):
            for key, counts in data.get(name, {}).items():
                store[key] = Counter({int(of): n for of, n in counts.items()})
        return made


def _plain(counts: Counter[int]) -> dict[str, int]:
    return {str(of): times for of, times in sorted(counts.items())}
