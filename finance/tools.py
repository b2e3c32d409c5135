"""What follows a load of the ledger, and the tools that agents may call. Their cursor holds the caller's rights."""

from __future__ import annotations

from finance.reconciliation.tools import reconciliation_suggestions, suggest_again

__all__ = ["reconciliation_suggestions", "suggest_again"]
