"""The inbox over HTTP: who sees and decides, filters, paging, and refusals as problems."""

from __future__ import annotations

from typing import Any

import pytest

from finance.reconciliation import services
from finance.reconciliation.models import Suggestion
from ipai.access.sessions import Claims, governed
from ipai.toolkit import tools

pytestmark = pytest.mark.django_db
LIST = "finance/reconciliation/suggestions/"
READERS = {"platform_admin", "data_engineer", "analytics_engineer", "bi_developer", "ai_engineer", "auditor"}
DECIDERS = {"platform_admin", "data_engineer"}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "send", lambda *ids: None)


def test_roles_see_and_decide_as_documented(suggested: list[Suggestion], callers: dict[str, Any], stranger: Any) -> None:
    address = f"{LIST}{suggested[0].pk}/"
    for role, caller in callers.items():
        assert caller.get(LIST).status_code == (200 if role in READERS else 403), role
        assert caller.get(address).status_code == (200 if role in READERS else 403), role
        for action in ("accept", "reject", "undo", "post", "opinion"):
            if role not in DECIDERS:
                assert caller.post(f"{address}{action}").status_code == 403, role
    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(address).status_code == 404
    assert stranger.post(f"{address}accept").status_code == 404


def test_a_suggestion_as_it_is_shown(suggested: list[Suggestion], api: Any) -> None:
    row = next(row for row in suggested if row.outcome == "match")
    shown = api.get(f"{LIST}{row.pk}/").json()
    assert shown["amount"] == f"{row.amount:.2f}"
    assert shown["currency"] == "EUR"
    assert shown["selectable"] is True
    assert shown["candidates"][0]["confidence"] >= 0.97
    assert {"code", "words", "weight", "data"} == set(shown["candidates"][0]["evidence"][0])
    assert shown["decisions"] == []


def test_filters_orders_and_pages(suggested: list[Suggestion], api: Any) -> None:
    everything = {row["id"] for row in api.get(LIST).json()["results"]}
    assert len(everything) == len(suggested)
    page = api.get(f"{LIST}?limit=3&ordering=amount").json()
    found = [row["amount"] for row in page["results"]]
    while page["next"]:
        page = api.get(page["next"].removeprefix("http://testserver")).json()
        found += [row["amount"] for row in page["results"]]
    assert found == sorted(found, key=float)
    assert len(found) == len(everything)
    one = suggested[0]
    assert one.reference
    for query in (
        "outcome=ambiguous",
        "outcome=match&outcome=likely",
        "confidence=0.97",
        "date_from=2025-04-14",
        f"text={one.reference[:6]}",
        "company=77",
        "state=accepted",
    ):
        rows = api.get(f"{LIST}?{query}").json()["results"]
        assert len(rows) < len(everything), query
    assert api.get(f"{LIST}?outcome=sure").status_code == 400
    assert api.get(f"{LIST}?confidence=7").status_code == 400
    assert api.get(f"{LIST}?colour=red").status_code == 400


def test_decide_undo_and_be_refused(suggested: list[Suggestion], api: Any, admin: Any) -> None:
    row = next(row for row in suggested if row.outcome == "match")
    address = f"{LIST}{row.pk}/"
    accepted = api.post(f"{address}accept", {"candidate": row.candidates[0]["key"]})
    assert accepted.status_code == 200
    assert accepted.json()["state"] == "accepted"
    assert accepted.json()["decisions"][0]["actor"] == "token engineer"
    refused = admin.post(f"{address}accept")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("already-decided")
    assert "engineer" in refused.json()["detail"]
    assert admin.post(f"{address}undo").json()["state"] == "open"
    assert api.post(f"{address}accept", {"candidate": "unknown"}).json()["type"].endswith("stale")
    assert api.post(f"{address}accept", {"candidat": "x"}).status_code == 400
    assert api.post(f"{address}accept", [1]).status_code == 400
    assert api.post(f"{address}reject").json()["state"] == "rejected"
    assert api.post(f"{address}post").json()["type"].endswith("not-posted")


def test_agents_read_suggestions_with_their_own_rights(suggested: list[Suggestion], tenant: Any, other_tenant: Any) -> None:
    tool = tools()["reconciliation_suggestions"]
    for slug, roles, count in (
        (tenant.slug, ("ai_engineer",), len(suggested)),
        (tenant.slug, ("operator",), 0),
        ("other", ("ai_engineer",), 0),
    ):
        with governed(Claims("agent", slug, roles)) as cursor:
            assert len(tool.call(cursor, {"limit": 50})) == count
    with governed(Claims("agent", tenant.slug, ("ai_engineer",))) as cursor:
        rows = tool.call(cursor, {"outcome": "ambiguous", "limit": 2})
    assert {row["outcome"] for row in rows} == {"ambiguous"}
    assert rows[0]["amount"].rpartition(".")[2].isdigit()
