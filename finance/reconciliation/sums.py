"""Which of some amounts add up to a target, within bounds that hold for any input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STEPS = 12_000
"""Of all searches for one bank line."""
LARGEST, MOST_SOLUTIONS, MOST_AMOUNTS = 6, 6, 24


@dataclass(slots=True)
class Budget:
    """The steps that several searches share."""

    left: int = STEPS


@dataclass(frozen=True, slots=True)
class Sum:
    """Positions of the amounts. ``interchangeable``: others of equal amounts would do as well."""

    positions: tuple[int, ...]
    interchangeable: bool


def subsets(amounts: Sequence[int], target: int, budget: Budget, *, largest: int = LARGEST) -> tuple[list[Sum], bool]:
    """Sums of at least two of the first :data:`MOST_AMOUNTS` amounts, and whether the search was complete.

    Equal amounts are tried once: the earlier ones are taken. The time is bounded by ``budget``, the memory by the depth.
    """
    count = min(len(amounts), MOST_AMOUNTS)
    order = sorted(range(count), key=lambda at: (-abs(amounts[at]), amounts[at], at))
    values = [amounts[at] for at in order]
    highest, lowest = [0] * (count + 1), [0] * (count + 1)
    for at in range(count - 1, -1, -1):
        highest[at] = highest[at + 1] + max(values[at], 0)
        lowest[at] = lowest[at + 1] + min(values[at], 0)
    found: list[Sum] = []

    def search(start: int, rest: int, chosen: list[int]) -> bool:
        """Whether all of it was looked at."""
        if rest == 0 and len(chosen) > 1:
            found.append(Sum(tuple(sorted(order[at] for at in chosen)), _interchangeable(values, chosen)))
            return len(found) < MOST_SOLUTIONS
        if len(chosen) == largest:
            return True
        complete, previous = True, None
        for at in range(start, count):
            if not lowest[at] <= rest <= highest[at]:
                break
            if values[at] == previous:
                continue
            budget.left -= 1
            if budget.left < 0:
                return False
            previous = values[at]
            complete = search(at + 1, rest - values[at], [*chosen, at]) and complete
            if len(found) >= MOST_SOLUTIONS:
                return False
        return complete

    complete = search(0, target, [])
    return found, complete and len(amounts) <= count


def _interchangeable(values: Sequence[int], chosen: Sequence[int]) -> bool:
    """Whether an amount that was left out equals one that was taken."""
    taken = {values[at] for at in chosen}
    return any(value in taken for at, value in enumerate(values) if at not in chosen)
