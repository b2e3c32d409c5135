"""What follows a load of the ledger, and the tools that agents may call. Their cursor holds the caller's rights."""

from __future__ import annotations

from finance.reconciliation.tools import reconciliation_suggestions, suggest_again
from finance.services import refresh
from ipai.toolkit import Load, after_load

__all__ = ["reconciliation_suggestions", "refresh_gold", "suggest_again"]


@after_load("ipai_bronze_erp")
def refresh_gold(load: Load) -> None:
    """Bring the connector's figures up to date."""
    refresh(load.connector_id, load.tenant_id)
