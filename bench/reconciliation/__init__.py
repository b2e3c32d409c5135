"""How good the reconciliation suggestions are, on ledgers whose answers are known."""
