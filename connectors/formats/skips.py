"""Numbers left out of a sequence."""

from __future__ import annotations

import bisect
from array import array


class Skips:
    """Numbers left out of a sequence, ascending: maps what is left back to the numbers before."""

    def __init__(self) -> None:
        self._before = array("q")  # for each number left out: how many were kept before it

    def add(self, number: int) -> None:
        self._before.append(number - len(self._before))

    def __len__(self) -> int:
        return len(self._before)

    def last(self) -> int:
        """The highest number left out, -1 when none."""
        return self._before[-1] + len(self._before) - 1 if self._before else -1

    def original(self, kept: int) -> int:
        return kept + bisect.bisect_right(self._before, kept)
