"""A conditional logit: the sets that fit a bank line, and the possibility that none is right, share one probability.

Two sets about which the same is known have the same chance, so neither of two equal ones can come near certainty.
The weights are fitted by ``python -m bench.reconciliation --fit`` on ledgers of the development seed; see docs/reconciliation.md.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("coefficients.json")
Knots = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Model:
    """``weights`` by feature; ``knots`` map a probability to the share of such suggestions that proved right."""

    weights: Mapping[str, float] = field(default_factory=dict)
    knots: Knots = ()

    def score(self, features: Mapping[str, float]) -> float:
        """The log-odds of a set against "none of them"."""
        return math.fsum(self.weights.get(name, 0.0) * value for name, value in sorted(features.items()))

    def confidence(self, probability: float) -> float:
        """The calibrated probability: between two knots on the straight line."""
        if not self.knots:
            return probability
        at = bisect_right(self.knots, (probability, 2.0))
        if at == 0:
            return self.knots[0][1]
        if at == len(self.knots):
            return self.knots[-1][1]
        (x0, y0), (x1, y1) = self.knots[at - 1], self.knots[at]
        return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"weights": dict(sorted(self.weights.items())), "knots": [list(pair) for pair in self.knots]}


@cache
def shipped() -> Model:
    """The model that comes with the portal."""
    data = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return Model(data["weights"], tuple((x, y) for x, y in data["knots"]))


def shares(scores: Sequence[float]) -> list[float]:
    """The probability of each set; what is missing to 1 is that of none."""
    top = max(0.0, *scores) if scores else 0.0
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(sorted(powers)) + math.exp(-top)
    return [power / total for power in powers]


def isotonic(pairs: Sequence[tuple[float, bool]], *, bins: int = 20) -> Knots:
    """Monotone calibration by pooling adjacent violators over bins of equal size; ``pairs`` are (probability, was right).

    Each share is drawn towards the probability by two cases, so that a bin without an error does not claim certainty.
    """
    ordered = sorted(pairs)
    if not ordered:
        return ()
    size = max(1, -(-len(ordered) // bins))
    pools: list[list[float]] = []  # [cases, sum of probabilities, right]
    for start in range(0, len(ordered), size):
        part = ordered[start : start + size]
        pools.append([len(part), math.fsum(p for p, _ in part), float(sum(right for _, right in part))])
        while len(pools) > 1 and pools[-2][2] / pools[-2][0] >= pools[-1][2] / pools[-1][0]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    knots: dict[float, float] = {0.0: 0.0}
    for cases, total, right in pools:
        mean = total / cases
        knots[round(mean, 6)] = round((right + 2 * mean) / (cases + 2), 6)
    return tuple(sorted(knots.items()))
