"""Reads of suggestions, with the caller's rights where a cursor is given."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet

from finance.reconciliation.models import Decision, Suggestion
from ipai.access.models import Tenant

MOST = 50
SUGGESTIONS = """
SELECT id, bank_line_id, company_id, date, round(amount, decimals)::text AS amount, currency, reference, partner_name, outcome,
       confidence, reason, candidates
FROM public.ipai_reconciliation_suggestion
WHERE state = 'open' AND (%(outcome)s = '' OR outcome = %(outcome)s) AND (%(company)s::bigint IS NULL OR company_id = %(company)s)
ORDER BY date DESC, id LIMIT %(limit)s
"""


def suggestions_for(tenant: Tenant) -> QuerySet[Suggestion]:
    """A tenant's suggestions with the decisions that stand."""
    live = Decision.objects.filter(undone_at=None).order_by("-created_at", "-id")
    return Suggestion.objects.filter(tenant=tenant).prefetch_related(Prefetch("decisions", queryset=live, to_attr="standing"))


def open_suggestions(cursor: Any, outcome: str, company: int | None, limit: int) -> list[dict[str, Any]]:
    """Suggestions that wait for a decision, newest bank line first, as the cursor's role may see them."""
    cursor.execute(SUGGESTIONS, {"outcome": outcome, "company": company, "limit": max(1, min(limit, MOST))})
    names = [column.name for column in cursor.description]
    return [_shown(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"id": str(row["id"]), "date": row["date"].isoformat()}
