"""What people decide about suggestions: accept, reject, undo. One transaction each, audited, reversible."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from finance.reconciliation import language
from finance.reconciliation.errors import AlreadyDecided, NotChosen, NotPosted, Stale
from finance.reconciliation.ledger import current_state
from finance.reconciliation.models import Allocation, Decision, ModelCall, Outcome, Posting, State, Suggestion
from finance.reconciliation.recompute import lock
from ipai.observability import audit
from ipai.toolkit import NotWritable, Write, write

log = logging.getLogger(__name__)


def accept(actor: audit.Actor, suggestion: Suggestion, candidate_key: str = "") -> Decision:
    """Decide that a candidate is right; without a key the first one, unless the suggestion is in doubt.

    Accepting again what the same person has accepted changes nothing. Raises AlreadyDecided when somebody else was first,
    Stale when the ledger has moved on, NotChosen when a candidate must be named.
    """
    with transaction.atomic():
        row = _locked(suggestion)
        before = row.decisions.filter(accepted=True, undone_at=None).first()
        if before is not None:
            if before.actor == actor.name and candidate_key in ("", before.candidate_key):
                return before
            raise AlreadyDecided(
                f"{before.actor} accepted a candidate for this bank line at {before.created_at:%Y-%m-%d %H:%M} UTC; undo that first"
            )
        if row.state == State.REJECTED:
            raise AlreadyDecided("This bank line was rejected as a whole; undo that first")
        chosen = _chosen(row, candidate_key)
        _check_current(row, chosen)
        decision = Decision.objects.create(
            tenant_id=row.tenant_id, suggestion=row, accepted=True, candidate_key=chosen["key"], candidate=chosen, actor=actor.name
        )
        Allocation.objects.bulk_create(
            Allocation(
                tenant_id=row.tenant_id,
                decision=decision,
                connector_id=row.connector_id,
                item_id=part["item_id"],
                amount=Decimal(part["amount"]),
            )
            for part in chosen["allocations"]
        )
        _become(row, State.ACCEPTED)
        _record(actor, row, "accepted", chosen)
    return decision


def reject(actor: audit.Actor, suggestion: Suggestion, candidate_key: str = "") -> Decision:
    """Decide that a candidate is wrong, or without a key that no open item belongs to the bank line. Raises as :func:`accept`."""
    with transaction.atomic():
        row = _locked(suggestion)
        before = row.decisions.filter(accepted=False, candidate_key=candidate_key, undone_at=None).first()
        if before is not None:
            return before
        if row.state == State.ACCEPTED:
            raise AlreadyDecided("A candidate for this bank line was accepted; undo that first")
        chosen = _named(row, candidate_key) if candidate_key else None
        if row.state == State.SETTLED:
            raise Stale("This bank line is reconciled in the ledger by now")
        decision = Decision.objects.create(
            tenant_id=row.tenant_id,
            suggestion=row,
            accepted=False,
            candidate_key=candidate_key,
            candidate=chosen or {},
            actor=actor.name,
        )
        if not candidate_key:
            _become(row, State.REJECTED)
        _record(actor, row, "rejected", chosen)
    return decision


def undo(actor: audit.Actor, suggestion: Suggestion) -> Decision:
    """Take back the newest decision about a suggestion. Raises NotChosen when there is none, AlreadyDecided for a posted one."""
    with transaction.atomic():
        row = _locked(suggestion)
        decision = row.decisions.filter(undone_at=None).order_by("-created_at", "-id").first()
        if decision is None:
            raise NotChosen("There is no decision about this bank line that could be undone")
        if decision.posting == Posting.POSTED:
            raise AlreadyDecided("This reconciliation was posted to the ERP: undo it there")
        Decision.objects.filter(pk=decision.pk).update(undone_at=Now(), undone_by=actor.name)
        if decision.accepted or not decision.candidate_key:
            _become(row, State.OPEN if row.state != State.SETTLED else State.SETTLED)
        _record(
            actor, row, "undone", decision.candidate, undone=f"{decision.actor} {'accepted' if decision.accepted else 'rejected'}"
        )
    decision.refresh_from_db()
    return decision


def post(actor: audit.Actor, suggestion: Suggestion) -> Decision:
    """Write an accepted reconciliation to the ERP: an action of its own, which the connector must allow. Raises NotPosted."""
    with transaction.atomic():
        row = _locked(suggestion)
        decision = row.decisions.filter(accepted=True, undone_at=None).first()
        if decision is None:
            raise NotPosted("Only an accepted reconciliation can be posted")
        if decision.posting == Posting.POSTED:
            return decision
        payload = {
            "bank_line_id": row.bank_line_id,
            "allocations": decision.candidate["allocations"],
            "fit": decision.candidate["fit"],
        }
        try:
            message = write(Write("reconcile", row.tenant_id, row.connector_id, actor.name, payload))
        except NotWritable as error:
            _record(actor, row, "post_refused", None, why=str(error))
            refused: NotWritable | None = error
        else:
            refused = None
            Decision.objects.filter(pk=decision.pk).update(posting=Posting.POSTED, posting_message=message)
            _record(actor, row, "posted", decision.candidate, message=message)
    if refused is not None:
        raise NotPosted(str(refused))
    decision.refresh_from_db()
    return decision


def ask_model(actor: audit.Actor, suggestion: Suggestion) -> ModelCall:
    """Have the language model order and explain the candidates; only its opinion is stored, beside them.

    Each call is recorded with what is known of its cost. Raises NotChosen without a model, and where there is nothing to order.
    """
    if not settings.LLM_BASE_URL:
        raise NotChosen("No language model is configured: set LLM_BASE_URL and LLM_MODEL")
    if not suggestion.candidates:
        raise NotChosen("There is no candidate to explain")
    amount = f"{suggestion.amount:.{suggestion.decimals}f}"
    line = {"date": suggestion.date, "amount": amount, "currency": suggestion.currency}
    line |= {"text": suggestion.reference, "partner": suggestion.partner_name}
    opinion = None
    try:
        endpoint = language.Endpoint(settings.LLM_BASE_URL, settings.LLM_API_KEY, settings.LLM_MODEL)
        opinion, usage = language.ask(endpoint, line, suggestion.candidates)
        result, detail = "used", opinion.notes
    except language.NoOpinion as error:
        usage, result, detail = error.usage, error.result, str(error)
        log.warning("The language model's answer about suggestion %s was not used: %s: %s", suggestion.pk, result, detail)
    with transaction.atomic():
        if opinion is not None:
            said = {"order": list(opinion.order), "explanation": opinion.explanation, "model": settings.LLM_MODEL}
            same = Suggestion.objects.filter(pk=suggestion.pk, candidates=suggestion.candidates)
            if not same.update(opinion=said):
                result, detail = "stale", "the candidates have changed meanwhile"
        return ModelCall.objects.create(
            tenant_id=suggestion.tenant_id,
            suggestion=suggestion,
            asked_by=actor.name,
            model=settings.LLM_MODEL,
            result=result,
            detail=detail,
            input_tokens=usage.input,
            cached_input_tokens=usage.cached_input,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            cost_usd=usage.cost_usd,
            latency_ms=usage.latency_ms,
        )


def send(connector_id: UUID, tenant_id: UUID) -> None:
    """Have a worker bring the suggestions up to date. Without the broker the next load does."""
    try:
        import_string(settings.IPAI_CELERY_APP).send_task("finance.suggest", args=[str(connector_id), str(tenant_id)], retry=False)
    except Exception as error:  # kombu raises many kinds; none may undo a decision
        log.warning("The broker did not take finance.suggest (%s): suggestions follow the next load", type(error).__name__)


def _locked(suggestion: Suggestion) -> Suggestion:
    """The suggestion as it is now; decisions about one connector are made one after another."""
    lock("decisions", suggestion.connector_id)
    return Suggestion.objects.select_for_update().get(pk=suggestion.pk)


def _become(row: Suggestion, state: State) -> None:
    """Set the state; other bank lines that want the same items are judged anew."""
    Suggestion.objects.filter(pk=row.pk).update(state=state)
    transaction.on_commit(lambda: send(row.connector_id, row.tenant_id))


def _named(row: Suggestion, key: str) -> dict[str, Any]:
    found: dict[str, Any] | None = next((one for one in row.candidates if one["key"] == key), None)
    if found is None:
        raise Stale("This candidate is no longer suggested; look at the bank line again")
    return found


def _chosen(row: Suggestion, key: str) -> dict[str, Any]:
    """The candidate that is meant."""
    if row.state == State.SETTLED:
        raise Stale("This bank line is reconciled in the ledger by now")
    if key:
        return _named(row, key)
    if row.outcome not in (Outcome.MATCH, Outcome.LIKELY) or not row.candidates:
        raise NotChosen(f"Name the candidate: this suggestion is {row.outcome}. {row.reason}")
    first: dict[str, Any] = row.candidates[0]
    return first


def _check_current(row: Suggestion, chosen: Mapping[str, Any]) -> None:
    """Hold the candidate against the ledger as it was loaded last, and against what others have accepted."""
    parts = {part["item_id"]: Decimal(part["amount"]) for part in chosen["allocations"]}
    line_open, rests = current_state(row.connector_id, row.bank_line_id, list(parts))
    if not line_open:
        raise Stale("This bank line is reconciled in the ledger by now")
    live = Allocation.objects.filter(connector_id=row.connector_id, item_id__in=parts, decision__undone_at=None)
    live = live.filter(decision__suggestion__state=State.ACCEPTED).exclude(decision__suggestion=row)
    taken = dict(live.values_list("item_id").annotate(Sum("amount")))
    for item in chosen["items"]:
        rest = rests.get(item["id"])
        if rest is None:
            raise Stale(f"{item['number'] or 'An item'} is settled in the ledger by now")
        if abs(parts[item["id"]]) > abs(rest - taken.get(item["id"], Decimal())):
            why = "another accepted bank line takes it" if taken.get(item["id"]) else "less of it is open by now"
            raise Stale(f"{item['number'] or 'An item'} cannot be settled: {why}")


def _record(actor: audit.Actor, row: Suggestion, action: str, chosen: Mapping[str, Any] | None, **more: str) -> None:
    details: dict[str, Any] = {"bank_line": row.bank_line_id, "connector": str(row.connector_id), **more}
    if chosen:
        details |= {"candidate": chosen["key"], "items": [item["number"] or item["id"] for item in chosen["items"]]}
        details |= {"confidence": chosen["confidence"], "outcome": row.outcome}
    audit.record(actor, "reconciliation", "reconciliation_suggestion", str(row.pk), action, details, tenant=row.tenant)
