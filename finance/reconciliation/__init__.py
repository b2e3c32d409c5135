"""Reconciliation: suggestions for bank lines with evidence and confidence, and what people decide about them."""
