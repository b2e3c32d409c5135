"""People decide: once, audited, reversible, and never on what the ledger has overtaken."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from finance.reconciliation import services, tools
from finance.reconciliation.errors import AlreadyDecided, NotChosen, NotPosted, Stale
from finance.reconciliation.models import Decision, Suggestion
from finance.reconciliation.recompute import recompute
from ipai import toolkit
from ipai.observability.audit import Actor
from ipai.observability.models import AuditLog
from tests.support.odoo import NOW

pytestmark = pytest.mark.django_db
ANNA, BERT = Actor("anna"), Actor("bert")


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent: tests recompute themselves."""
    monkeypatch.setattr(services, "send", lambda *ids: None)


@pytest.fixture
def match(suggested: list[Suggestion]) -> Suggestion:
    return next(row for row in suggested if row.outcome == "match" and row.candidates[0]["fit"]["kind"] == "exact")


def audited() -> list[tuple[str, str]]:
    rows = AuditLog.objects.filter(entity_type="reconciliation_suggestion").order_by("id")
    return list(rows.values_list("actor", "action"))


def test_accepting_is_recorded_with_what_it_takes(match: Suggestion) -> None:
    decision = services.accept(ANNA, match)
    match.refresh_from_db()
    assert match.state == "accepted"
    assert decision.candidate == match.candidates[0]
    assert [str(part.amount) for part in decision.allocations.all()] == [f"{match.candidates[0]['items'][0]['residual']}0000"]
    assert audited() == [("anna", "accepted")]


def test_accepting_again_changes_nothing_and_another_person_is_told(match: Suggestion) -> None:
    first = services.accept(ANNA, match)
    assert services.accept(ANNA, match) == first
    with pytest.raises(AlreadyDecided, match="anna accepted"):
        services.accept(BERT, match)
    assert audited() == [("anna", "accepted")]


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_wins(match: Suggestion) -> None:
    outcomes: list[str] = []
    gate = threading.Barrier(4)

    def decide(actor: Actor) -> None:
        gate.wait()
        try:
            services.accept(actor, match)
            outcomes.append("accepted")
        except AlreadyDecided:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[Actor(f"person {number}")]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "refused", "refused", "refused"]
    assert Decision.objects.filter(accepted=True, undone_at=None).count() == 1


def test_undo_gives_the_line_back_and_it_can_be_accepted_again(match: Suggestion) -> None:
    services.accept(ANNA, match)
    undone = services.undo(BERT, match)
    assert undone.undone_by == "bert"
    match.refresh_from_db()
    assert match.state == "open"
    with pytest.raises(NotChosen):
        services.undo(BERT, match)
    services.accept(BERT, match)
    assert audited() == [("anna", "accepted"), ("bert", "undone"), ("bert", "accepted")]


def test_an_accepted_item_is_not_suggested_for_another_line_until_it_is_undone(
    match: Suggestion, ledger: Any, suggested: list[Suggestion]
) -> None:
    item = match.candidates[0]["items"][0]["id"]

    def suggested_elsewhere() -> bool:
        rows = Suggestion.objects.exclude(pk=match.pk)
        return any(found["id"] == item for row in rows for one in row.candidates for found in one["items"])

    other = Suggestion.objects.exclude(pk=match.pk).first()
    assert other is not None
    Suggestion.objects.filter(pk=other.pk).update(candidates=match.candidates)
    services.accept(ANNA, match)
    with pytest.raises(Stale, match="another accepted bank line takes it"):
        services.accept(ANNA, other, match.candidates[0]["key"])
    recompute(ledger.pk, ledger.tenant_id)
    assert not suggested_elsewhere()


def test_a_rejected_candidate_does_not_come_back(match: Suggestion, ledger: Any) -> None:
    key = match.candidates[0]["key"]
    first = services.reject(ANNA, match, key)
    assert services.reject(ANNA, match, key) == first
    recompute(ledger.pk, ledger.tenant_id, full=True)
    match.refresh_from_db()
    assert key not in {one["key"] for one in match.candidates}
    services.undo(ANNA, match)
    recompute(ledger.pk, ledger.tenant_id, full=True)
    match.refresh_from_db()
    assert match.candidates[0]["key"] == key


def test_a_line_rejected_as_a_whole_stays_so(match: Suggestion, ledger: Any) -> None:
    services.reject(ANNA, match)
    with pytest.raises(AlreadyDecided):
        services.accept(ANNA, match)
    recompute(ledger.pk, ledger.tenant_id, full=True)
    match.refresh_from_db()
    assert match.state == "rejected"
    services.undo(ANNA, match)
    match.refresh_from_db()
    assert match.state == "open"


def test_what_the_ledger_has_overtaken_is_refused_with_the_reason(
    match: Suggestion, ledger: Any, odoo: Any, run_now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "recompute", lambda *ids: None)  # the load is there, its suggestions are not yet
    item = match.candidates[0]["items"][0]
    changes = {"amount_residual": 0.0, "amount_residual_currency": 0.0, "reconciled": True}
    odoo.store.write("account.move.line", item["id"], changes, stamp=NOW + timedelta(minutes=1))
    assert run_now(ledger).status == "success"
    with pytest.raises(Stale, match=f"{item['number']} is settled"):
        services.accept(ANNA, match)
    odoo.store.write("account.bank.statement.line", match.bank_line_id, {"is_reconciled": True}, stamp=NOW + timedelta(minutes=2))
    assert run_now(ledger).status == "success"
    with pytest.raises(Stale, match="bank line is reconciled"):
        services.accept(ANNA, match)
    assert audited() == []


def test_an_ambiguous_suggestion_needs_a_named_candidate(suggested: list[Suggestion]) -> None:
    row = next(row for row in suggested if row.outcome == "ambiguous")
    with pytest.raises(NotChosen, match="ambiguous"):
        services.accept(ANNA, row)
    with pytest.raises(Stale):
        services.accept(ANNA, row, "0123456789abcdef")
    assert services.accept(ANNA, row, row.candidates[1]["key"]).candidate_key == row.candidates[1]["key"]


def test_nothing_is_posted_unless_a_connector_can(match: Suggestion, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotPosted, match="accepted"):
        services.post(ANNA, match)
    services.accept(ANNA, match)
    with pytest.raises(NotPosted, match="No connector"):
        services.post(ANNA, match)
    written: list[toolkit.Write] = []

    def carry_out(wanted: toolkit.Write) -> str:
        written.append(wanted)
        return "reconciled"

    monkeypatch.setitem(toolkit._writers, "reconcile", carry_out)
    assert services.post(ANNA, match).posting == "posted"
    assert services.post(ANNA, match).posting_message == "reconciled"
    assert [wanted.payload["bank_line_id"] for wanted in written] == [match.bank_line_id]
    with pytest.raises(AlreadyDecided, match="posted"):
        services.undo(ANNA, match)
    assert audited() == [("anna", "accepted"), ("anna", "post_refused"), ("anna", "posted")]
