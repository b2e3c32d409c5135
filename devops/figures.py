"""How figures are written for people."""

from __future__ import annotations


def rate(value: float | None) -> str:
    """A share as per cent: ``93.0%``."""
    return "-" if value is None else f"{100 * value:.1f}%"


def lasting(seconds: float | None) -> str:
    """A length of time in its two largest units: ``3 d 4 h``."""
    if seconds is None:
        return "-"
    left, words = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            words.append(f"{amount} {unit}")
    return " ".join(words[:2]) or "0 s"


def figure(value: float | None, metric: str) -> str:
    """The value of one of the five metrics in its unit."""
    if value is None:
        return "-"
    if metric.endswith("_s"):
        return lasting(value)
    return f"{value:.2f} a day" if metric == "deployment_frequency" else rate(value)
