"""Brings the suggestions of a connector up to date: only bank lines that a change concerns are judged again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import Now

from finance.reconciliation.engine import Engine
from finance.reconciliation.history import calibrated
from finance.reconciliation.knowledge import Knowledge
from finance.reconciliation.ledger import BEGINNING, Ledger
from finance.reconciliation.model import Model, shipped
from finance.reconciliation.models import Allocation, Decision, Learned, State, Suggestion
from finance.reconciliation.records import BankLine, OpenItem, Partner
from finance.reconciliation.records import Suggestion as Judgement
from finance.reconciliation.stored import candidate, item_sum, line_hash

log = logging.getLogger(__name__)
GROWTH = 1.2
"""The calibration is made again when the past has grown so much."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a recomputation did: open bank lines, those judged again, those that the ERP has settled since."""

    lines: int
    judged: int
    settled: int


def lock(what: str, connector_id: UUID) -> None:
    """Wait for others that do the same to this connector, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"reconciliation {what} {connector_id}"])


def recompute(connector_id: UUID, tenant_id: UUID, *, full: bool = False) -> Recomputed:
    """Judge what has changed since the last time; ``full`` judges all. Harmless when repeated."""
    with transaction.atomic():
        lock("suggestions", connector_id)
        learned, _ = Learned.objects.get_or_create(connector_id=connector_id, defaults={"tenant_id": tenant_id})
        return Recomputation(Ledger(connector_id), learned).run(full=full)


class Recomputation:
    """One run over one connector."""

    def __init__(self, ledger: Ledger, learned: Learned) -> None:
        self.ledger, self.learned = ledger, learned
        self.connector_id = ledger.connector_id

    def run(self, *, full: bool) -> Recomputed:
        """Read, find what changed, judge it, store it."""
        lines = {line.id: line for line in self.ledger.open_lines()}
        rows = Suggestion.objects.filter(connector_id=self.connector_id).exclude(state=State.SETTLED)
        stored = {row.bank_line_id: row for row in rows}
        if not lines and not stored:
            return Recomputed(0, 0, 0)
        items = self._items()
        waiting = {key: line for key, line in lines.items() if key not in stored or stored[key].state != State.ACCEPTED}
        sums = {str(key): item_sum(item) for key, item in items.items()}
        partners = self._learn() if waiting else []
        judgements = self._judge(waiting, stored, items, sums, partners, full=full or self.learned.computed_at is None)
        names = {partner.id: partner.names[0] for partner in partners if partner.names}
        lock("decisions", self.connector_id)
        settled = self._close(set(stored) - set(lines))
        for given in judgements:
            self._store(waiting[given.line], given, items, names)
        self.learned.items, self.learned.computed_at = sums, Now()
        self.learned.save()
        log.info("Reconciliation of connector %s: %d of %d bank lines judged", self.connector_id, len(judgements), len(lines))
        return Recomputed(len(lines), len(judgements), settled)

    def _items(self) -> dict[int, OpenItem]:
        """Open items less what accepted suggestions have taken of them."""
        items = {item.id: item for item in self.ledger.open_items()}
        taken = (
            Allocation.objects.filter(
                connector_id=self.connector_id, decision__undone_at=None, decision__suggestion__state=State.ACCEPTED
            )
            .values_list("item_id")
            .annotate(Sum("amount"))
        )
        for key, amount in taken:
            if key in items:
                items[key] = less(items[key], self.ledger.minor(amount, items[key].currency))
        return {key: item for key, item in items.items() if item.amount}

    def _judge(
        self,
        lines: Mapping[int, BankLine],
        stored: Mapping[int, Suggestion],
        items: Mapping[int, OpenItem],
        sums: Mapping[str, str],
        partners: Sequence[Partner],
        *,
        full: bool,
    ) -> list[Judgement]:
        """What a change concerns: lines that are new or changed, had a changed item among their candidates or could have one now,
        and those that compete with them for an item.
        """
        changed = {int(key) for key in {*sums, *self.learned.items} if sums.get(key) != self.learned.items.get(key)}
        found = {key for key, line in lines.items() if full or key not in stored or stored[key].line_hash != line_hash(line)}
        if not found and not changed:
            return []
        engine = self._engine(items.values(), partners)
        if full:
            return engine.suggest(lines.values(), without=self._rejected())
        known = {key: items_of(stored[key]) for key in lines if key in stored}
        probe = engine.beside(items[key] for key in changed if key in items)
        found |= {key for key, line in lines.items() if changed & known.get(key, set()) or probe.touches(line)}
        near = engine.items_near(lines[key] for key in found).union(*(known.get(key, set()) for key in found))
        found |= {key for key, held in known.items() if near & held}
        near = near.union(*(known.get(key, set()) for key in found))
        beside = {key for key, held in known.items() if near & held}
        return engine.suggest((lines[key] for key in found | beside), only=found, without=self._rejected())

    def _engine(self, items: Iterable[OpenItem], partners: Sequence[Partner]) -> Engine:
        knots = tuple((x, y) for x, y in self.learned.knots) or shipped().knots
        model = Model(shipped().weights, knots)
        return Engine(items, partners, self.ledger.market, Knowledge.from_json(self.learned.knowledge), model)

    def _learn(self) -> list[Partner]:
        """Take in what was reconciled since the last time; all of the past again when it has grown much."""
        count, newest = self.ledger.past()
        again = self.learned.read_until is None or count > GROWTH * self.learned.calibrated_on + 50
        since = BEGINNING if again or self.learned.read_until is None else self.learned.read_until
        knowledge = Knowledge() if again else Knowledge.from_json(self.learned.knowledge)
        for partner, names in self.ledger.past_names(since).items():
            knowledge.partners.setdefault(partner, set()).update(names)
        partners = self.ledger.partners(knowledge.partners)
        if again or newest > since:
            history = self.ledger.history(since, partners)
            knowledge.learn(history.settled())
            if again:
                model, self.learned.lines = calibrated(history, shipped())
                self.learned.knots = [] if model is shipped() else [list(pair) for pair in model.knots]
                self.learned.calibrated_on = count
        self.learned.knowledge, self.learned.read_until = knowledge.as_json(), newest
        return partners

    def _rejected(self) -> dict[int, set[frozenset[int]]]:
        """Sets of items that somebody has rejected, by bank line."""
        found: dict[int, set[frozenset[int]]] = defaultdict(set)
        live = Decision.objects.filter(suggestion__connector_id=self.connector_id, accepted=False, undone_at=None)
        for line, one in live.values_list("suggestion__bank_line_id", "candidate"):
            if one:
                found[line].add(frozenset(item["id"] for item in one["items"]))
        return found

    def _close(self, gone: set[int]) -> int:
        """Bank lines that are reconciled or deleted in the ERP."""
        rows = Suggestion.objects.filter(connector_id=self.connector_id, bank_line_id__in=gone).exclude(state=State.SETTLED)
        return rows.update(state=State.SETTLED, computed_at=Now())

    def _store(self, line: BankLine, given: Judgement, items: Mapping[int, OpenItem], names: Mapping[int, str]) -> None:
        """Write a suggestion, unless somebody has accepted it meanwhile; a settled line that is open again is open."""
        market = self.ledger.market
        candidates = [candidate(line, one, items, names, market) for one in given.candidates]
        values = {
            "tenant_id": self.learned.tenant_id,
            "company_id": line.company,
            "date": line.day,
            "amount": self.ledger.major(line.amount, line.currency),
            "currency": line.currency,
            "decimals": market.places(line.currency),
            "reference": line.text,
            "partner_name": line.partner_name,
            "outcome": given.outcome,
            "confidence": given.candidates[0].confidence if given.candidates else 0.0,
            "reason": given.reason,
            "opinion": {},
            "candidates": candidates,
            "line_hash": line_hash(line),
        }
        row, created = Suggestion.objects.select_for_update().get_or_create(
            connector_id=self.connector_id, bank_line_id=line.id, defaults=values
        )
        if not created and row.state != State.ACCEPTED:
            state = State.OPEN if row.state == State.SETTLED else row.state
            Suggestion.objects.filter(pk=row.pk).update(**values, state=state, computed_at=Now())


def less(item: OpenItem, taken: int) -> OpenItem:
    """An item of which a part is spoken for; its worth in the company's currency shrinks with it."""
    left = item.amount - taken
    if left * item.amount <= 0:
        return replace(item, amount=0, balance=0)
    return replace(item, amount=left, balance=round(Decimal(item.balance) * left / item.amount))


def items_of(row: Suggestion) -> set[int]:
    """The open items of all candidates."""
    return {item["id"] for one in row.candidates for item in one["items"]}
