"""Fits the model's weights by maximum likelihood: Newton's method, a few rounds over some thousand cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from finance.reconciliation.model import shares

Case = tuple[Sequence[Mapping[str, float]], int | None]
"""The features of each set found for a bank line, and the position of the right one; None when none is."""
Vector = list[float]
Sparse = list[tuple[int, float]]


def fit_weights(cases: Sequence[Case], *, rounds: int = 12, decay: float = 1.0) -> dict[str, float]:
    """Weights by feature. ``decay`` draws each towards 0 as one case would."""
    names = sorted({name for sets, _ in cases for one in sets for name in one})
    place = {name: at for at, name in enumerate(names)}
    rows = [
        ([[(place[name], value) for name, value in sorted(one.items()) if value] for one in sets], right) for sets, right in cases
    ]
    weights = [0.0] * len(names)
    for _ in range(rounds):
        slope, curve = _slope_and_curve(rows, weights, decay)
        step = solve(curve, slope)
        shrink = min(1.0, 2.0 / max(1e-9, *map(abs, step)))
        weights = [weight + shrink * change for weight, change in zip(weights, step, strict=True)]
    return {name: round(weight, 4) for name, weight in zip(names, weights, strict=True)}


def _slope_and_curve(rows: Sequence[tuple[list[Sparse], int | None]], weights: Vector, decay: float) -> tuple[Vector, list[Vector]]:
    slope = [-decay * weight for weight in weights]
    curve = [[decay * (row == column) for column in range(len(weights))] for row in range(len(weights))]
    for sets, right in rows:
        chances = shares([sum(weights[at] * value for at, value in one) for one in sets])
        mean: dict[int, float] = defaultdict(float)
        for number, one in enumerate(sets):
            for at, value in one:
                slope[at] += ((number == right) - chances[number]) * value
                mean[at] += chances[number] * value
                row = curve[at]
                for other, factor in one:
                    row[other] += chances[number] * value * factor
        for at, value in mean.items():
            row = curve[at]
            for other, factor in mean.items():
                row[other] -= value * factor
    return slope, curve


def solve(matrix: Sequence[Vector], right: Vector) -> Vector:
    """The solution of a system of linear equations, by elimination with the largest pivot."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for at in range(size):
        best = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        for below in range(at + 1, size):
            factor = rows[below][at] / rows[at][at]
            if factor:
                rows[below] = [value - factor * above for value, above in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * size
    for at in range(size - 1, -1, -1):
        found[at] = (rows[at][size] - sum(rows[at][column] * found[column] for column in range(at + 1, size))) / rows[at][at]
    return found
