"""The reconciliation inbox: bank lines that wait, what each may belong to and why, and the decisions of people about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from finance.pages.common import Books, chosen, shown
from finance.pages.items import inside
from finance.proof import proof
from finance.reconciliation import queries, services
from finance.reconciliation.errors import DecisionError
from finance.reconciliation.models import Outcome, State, Suggestion
from finance.scope import Company, Group, companies
from ipai.access.sessions import claims_for, governed
from ipai.observability.console import records
from ipai.observability.console.listing import chips, keyset
from ipai.observability.console.pages import NavItem, actor, page, person
from ipai.toolkit import is_writable

LINES = 20
ITEMS = "ipai_bronze_erp.journal_entries"
BANK_LINES = "ipai_bronze_erp.bank_statement_lines"
CONFIDENCE = ((0.99, "almost certain"), (0.9, "very likely"), (0.7, "likely"), (0.4, "possible"), (0.0, "unlikely"))
REMOTE = 0.1
"""Candidates less sure than this are folded away, the first one never."""
OUTCOMES = {
    Outcome.MATCH: "Match",
    Outcome.LIKELY: "Likely",
    Outcome.AMBIGUOUS: "Ambiguous",
    Outcome.NONE: "Nothing found",
}
STATES = {State.ACCEPTED: "Accepted", State.REJECTED: "Rejected"}


@page(
    "finance/reconciliation/",
    "finance_reconciliation",
    action="view_finance",
    nav=NavItem("Finance", "Reconciliation", "join_inner", 7),
    top=True,
)
@shown("finance/inbox.html", "Reconciliation")
def inbox(request: HttpRequest, cursor: CursorWrapper, books: Books) -> Mapping[str, Any]:
    """Bank lines of the chosen companies, the newest first; those to decide unless asked otherwise."""
    mine = _of(request, books.chosen)
    state, outcome = request.GET.get("state", ""), request.GET.get("outcome", "")
    rows = mine.filter(state=state if state in STATES else State.OPEN)
    counted = dict(rows.order_by().values_list("outcome").annotate(Count("id")))
    rows = rows.filter(outcome=outcome) if outcome in OUTCOMES else rows
    try:
        listed = keyset(rows, request, "-date", "-id", size=LINES)
    except (ValidationError, ValueError, TypeError):
        raise Http404("This is not a page of the inbox") from None
    return {
        "entries": [{"proof": proof(cursor, Group("", 2, books.chosen))}],
        "lines": _shown(listed.rows),
        "slice": listed,
        "meter": _meter(mine),
        "states": chips(
            request, "state", [(name, label, None) for name, label in STATES.items() if name != State.OPEN], "To decide"
        ),
        "outcomes": chips(request, "outcome", [(name, label, counted.get(name, 0)) for name, label in OUTCOMES.items()]),
    }


@page("finance/reconciliation/<uuid:suggestion_id>/", "finance_decide", action="decide_reconciliation", post=True, top=True)
def decide(request: HttpRequest, suggestion_id: UUID) -> HttpResponse:
    """Accept, reject or take back; why that cannot be done is said with the bank line."""
    row = _one(request, suggestion_id)
    key, action = request.POST.get("candidate", "")[:200], request.POST.get("action")
    refused = ""
    try:
        if action == "accept":
            services.accept(actor(request), row, key)
        elif action == "reject":
            services.reject(actor(request), row, key)
        elif action == "reject_all":
            services.reject(actor(request), row)
        elif action == "undo":
            services.undo(actor(request), row)
        elif action == "post":
            services.post(actor(request), row)
        else:
            raise Http404("There is no such decision")
    except DecisionError as error:
        refused = str(error)
    if not inside(request):
        if refused:
            messages.error(request, refused)
        return redirect(f"{reverse('finance_reconciliation')}#s-{suggestion_id}")
    with governed(claims_for(person(request))) as cursor:
        (line,) = _shown(queries.suggestions_for(person(request).tenant).filter(pk=suggestion_id))
        meter = _meter(_of(request, chosen(request, companies(cursor))))
    return TemplateResponse(request, "finance/inbox_line.html", {"line": line, "refused": refused, "meter": meter, "swapped": True})


def _of(request: HttpRequest, asked: Iterable[Company]) -> QuerySet[Suggestion]:
    """The suggestions of these companies."""
    theirs = Q(pk__in=())
    for company in asked:
        theirs |= Q(connector_id=company.connector_id, company_id=company.id)
    return queries.suggestions_for(person(request).tenant).filter(theirs)


def _one(request: HttpRequest, suggestion_id: UUID) -> Suggestion:
    """A suggestion that the person may see."""
    with governed(claims_for(person(request))):
        row = queries.suggestions_for(person(request).tenant).filter(pk=suggestion_id).first()
    if row is None:
        raise Http404("There is no such bank line")
    return row


def _meter(rows: QuerySet[Suggestion]) -> dict[str, int]:
    """How many wait and how many are decided."""
    states = dict(rows.order_by().values_list("state").annotate(Count("id")))
    left, done = states.get(State.OPEN, 0), states.get(State.ACCEPTED, 0) + states.get(State.REJECTED, 0)
    return {"left": left, "done": done, "all": left + done}


def _shown(rows: Iterable[Suggestion]) -> list[dict[str, Any]]:
    """Each bank line with its candidates, their links and the decisions that stand."""
    found = list(rows)
    own = records.links(BANK_LINES, ("_connector_id", "id"), [(row.connector_id, row.bank_line_id) for row in found])
    keys = [(row.connector_id, item["id"]) for row in found for one in row.candidates for item in one["items"]]
    links = dict(zip(keys, records.links(ITEMS, ("_connector_id", "id"), keys), strict=True))
    return [_line(row, link, links) for row, link in zip(found, own, strict=True)]


def _line(row: Suggestion, link: Any, links: Mapping[Any, Any]) -> dict[str, Any]:
    standing = row.standing  # type: ignore[attr-defined]
    rejected = {one.candidate_key for one in standing if not one.accepted}
    candidates = [
        one
        | {
            "words": confidence(one["confidence"]),
            "items": [
                item | {"due_on": date.fromisoformat(item["due"]), "record": links[(row.connector_id, item["id"])]}
                for item in one["items"]
            ],
            "rejected": one["key"] in rejected,
            "differs": bool(Decimal(one["fit"]["difference"])),
            "chosen": row.outcome == Outcome.MATCH and row.state == State.OPEN and number == 0,
        }
        for number, one in enumerate(row.candidates)
    ]
    return {
        "row": row,
        "amount": f"{row.amount:.{row.decimals}f}",
        "record": link,
        "label": OUTCOMES[Outcome(row.outcome)],
        "candidates": [one for number, one in enumerate(candidates) if not number or one["confidence"] >= REMOTE],
        "remote": [one for number, one in enumerate(candidates) if number and one["confidence"] < REMOTE],
        "standing": standing,
        "may_post": is_writable("reconcile"),
        "accepted": next((one for one in standing if one.accepted), None),
        "is_open": row.state == State.OPEN,
    }


def confidence(value: float) -> str:
    """How sure, in words."""
    return next(words for least, words in CONFIDENCE if value >= least)
