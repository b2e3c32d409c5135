"""The inbox at /finance/reconciliation/: what is suggested and why, decided by people who may, and the meter that follows."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from finance.reconciliation import services
from finance.reconciliation.models import Decision, Suggestion
from ipai.access.services import create_person, create_tenant
from ipai.observability.audit import Actor

pytestmark = pytest.mark.django_db
INBOX = "/finance/reconciliation/"
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to a worker."""
    monkeypatch.setattr(services, "send", lambda *ids: None)


def login(role: str, name: str = "", tenant: Any = None) -> Client:
    http = Client()
    http.force_login(create_person(name or role, actor_name="test", roles=[role], password="a-long-enough-1", tenant=tenant))
    return http


@pytest.fixture
def http(suggested: list[Suggestion]) -> Client:
    return login("data_engineer")


def of(suggested: list[Suggestion], outcome: str) -> Suggestion:
    return next(row for row in suggested if row.outcome == outcome)


def article(response: Any, row: Suggestion) -> str:
    assert response.status_code == 200
    found = re.search(rf'<article [^>]*id="s-{row.pk}".*?</article>', response.content.decode(), re.S)
    assert found
    return unescape(found[0])


def meter(response: Any) -> tuple[int, int]:
    """How many are left, of how many."""
    found = re.search(r"<b>([\d,]+)</b> left of ([\d,]+)", response.content.decode())
    assert found
    return int(found[1]), int(found[2])


def decide(http: Client, row: Suggestion, action: str, candidate: str = "") -> Any:
    values = {"action": action, "candidate": candidate}
    return http.post(f"{INBOX}{row.pk}/", values, headers={"HX-Request": "true"})


def test_the_inbox_shows_what_is_suggested_with_its_evidence(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    shown = article(http.get(f"{INBOX}?outcome=match"), row)
    best = row.candidates[0]
    assert best["items"][0]["number"] in shown
    assert all(found["words"] in shown for found in best["evidence"])
    assert re.search(rf'value="{best["key"]}"[^>]* checked', shown)
    assert meter(http.get(INBOX)) == (len(suggested), len(suggested))


def test_in_doubt_nothing_is_chosen_and_the_page_says_why(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "ambiguous")
    shown = article(http.get(f"{INBOX}?outcome=ambiguous"), row)
    assert row.reason in shown
    assert " checked" not in shown
    assert "Name the candidate" in article(decide(http, row, "accept"), row)
    row.refresh_from_db()
    assert row.state == "open"


def test_accepting_and_taking_back(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    answer = decide(http, row, "accept", row.candidates[0]["key"])
    assert "Accepted by data_engineer" in re.sub(r"\s+", " ", article(answer, row))
    assert meter(answer) == (len(suggested) - 1, len(suggested))
    assert Decision.objects.get().actor == "data_engineer"
    assert str(row.pk) not in http.get(INBOX).content.decode()
    assert "Undo" in article(http.get(f"{INBOX}?state=accepted"), row)
    assert "can write that to its vendor" in article(decide(http, row, "post"), row)
    assert meter(decide(http, row, "undo")) == (len(suggested), len(suggested))


def test_rejecting_one_candidate_or_all(http: Client, suggested: list[Suggestion]) -> None:
    row = next(one for one in suggested if one.outcome == "ambiguous" and len(one.candidates) > 1)
    shown = article(decide(http, row, "reject", row.candidates[0]["key"]), row)
    assert "f-struck" in shown
    assert "Rejected by" not in article(decide(http, of(suggested, "none"), "undo"), of(suggested, "none"))
    assert meter(decide(http, row, "reject_all")) == (len(suggested) - 1, len(suggested))


def test_somebody_else_was_first(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    services.accept(Actor("anna"), row)
    assert "anna accepted a candidate" in article(decide(http, row, "accept", row.candidates[0]["key"]), row)


def test_without_scripts_a_decision_leads_back(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    answer = http.post(f"{INBOX}{row.pk}/", {"action": "accept", "candidate": row.candidates[0]["key"]})
    assert answer.status_code == 302
    assert answer["Location"].startswith(INBOX)


def test_who_may_not_decide_reads_only_and_others_see_nothing(suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    reader = login("bi_developer")
    shown = article(reader.get(f"{INBOX}?outcome=match"), row)
    assert "<button" not in shown
    assert decide(reader, row, "accept").status_code == 403
    assert login("operator").get(INBOX).status_code == 403
    other = create_tenant("elsewhere", "Elsewhere", actor_name="test")
    stranger = login("platform_admin", "stranger", tenant=other)
    assert "No ledger yet" in stranger.get(INBOX).content.decode()
    assert decide(stranger, row, "accept").status_code == 404
    row.refresh_from_db()
    assert row.state == "open"


def test_hostile_text_of_a_bank_is_text(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    candidates = row.candidates
    candidates[0]["items"][0]["partner"] = candidates[0]["evidence"][0]["words"] = HOSTILE
    values = {"reference": HOSTILE, "partner_name": HOSTILE, "reason": HOSTILE, "candidates": candidates}
    Suggestion.objects.filter(pk=row.pk).update(**values)
    shown = http.get(f"{INBOX}?outcome=match").content.decode()
    assert HOSTILE not in shown
    assert shown.count("&lt;script&gt;alert") >= 5


def test_made_up_addresses_do_no_harm(http: Client, suggested: list[Suggestion]) -> None:
    row = of(suggested, "match")
    for query in ("state=x", "outcome=x", "after=x", "before=!!", "company="):
        assert http.get(f"{INBOX}?{query}").status_code == 200, query
    assert http.get(f"{INBOX}?after=WyJ4IiwgInkiXQ==").status_code == 404
    assert decide(http, row, "burn").status_code == 404
    assert http.get(f"{INBOX}{row.pk}/").status_code == 405
