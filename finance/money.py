"""Amounts as text: a dot, and the currency's decimals."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def money(amount: Decimal, decimals: int) -> str:
    """``1234.5`` with 2 decimals is ``1234.50``; there is no ``-0.00``."""
    rounded = amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded if rounded else abs(rounded):f}"


def rendered(value: Any, decimals: int = 2) -> Any:
    """An answer with its amounts and dates as text; ``decimals`` of an entry hold for all that is in it."""
    if isinstance(value, dict):
        inner = value.get("decimals", decimals)
        return {key: rendered(one, inner) for key, one in value.items()}
    if isinstance(value, list):
        return [rendered(one, decimals) for one in value]
    if isinstance(value, Decimal):
        return money(value, decimals)
    return value.isoformat() if isinstance(value, date) else value
