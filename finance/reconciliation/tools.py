"""What follows a load of the ledger here, and the tool that agents may call. Its cursor holds the caller's rights."""

from __future__ import annotations

from typing import Any, Literal

from finance.reconciliation import queries
from finance.reconciliation.recompute import recompute
from ipai.toolkit import Load, after_load, tool


@after_load("ipai_bronze_erp")
def suggest_again(load: Load) -> None:
    """Judge what the load has changed."""
    recompute(load.connector_id, load.tenant_id)


@tool(schemas=("ipai_gold_erp",))
def reconciliation_suggestions(
    cursor: Any, outcome: Literal["", "match", "likely", "ambiguous", "none"] = "", company: int | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Bank lines that nobody has reconciled, with ranked candidates among the open items, evidence and confidence.

    Amounts are text with their currency. ``outcome``: match, likely, ambiguous or none; all without it. At most 50.
    Nothing can be accepted here: people decide.
    """
    return queries.open_suggestions(cursor, outcome, company, limit)
