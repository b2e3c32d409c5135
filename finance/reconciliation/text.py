"""Document numbers inside free text: also without slashes, with letters taken for digits, or one typing mistake."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Strength = Literal["full", "core", "tail", "fuzzy"]

LOOKALIKE = str.maketrans("OQILSBZG", "00115826")
WINDOW = 4  # pieces of text that may be one number: INV 2026 01 00042
LONGEST_TEXT = 1000
SHORTEST_FULL, SHORTEST_FUZZY, SHORTEST_COUNT, SHORTEST_TAIL = 5, 7, 3, 4


def plain(text: str) -> str:
    """Capitals without accents."""
    found = unicodedata.normalize("NFKD", text[:LONGEST_TEXT].replace("ß", "ss"))
    return "".join(sign for sign in found if not unicodedata.combining(sign)).upper()


def pieces(text: str) -> list[str]:
    """The runs of letters and digits."""
    return re.findall(r"[0-9A-Z]+", plain(text))


def skeleton(key: str) -> str:
    """A key in which signs that look alike are one."""
    return key.translate(LOOKALIKE)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a document number is found by. ``core`` has its digit groups as numbers, ``tail`` the last one as it is written."""

    text: str = ""
    full: str = ""
    core: str = ""
    tail: str = ""
    shape: str = ""


@lru_cache(maxsize=100_000)
def keys(reference: str) -> Keys:
    """The keys of a document number; empty ones where it is too short to tell anything."""
    parts = pieces(reference)
    whole = "".join(parts)
    groups = re.findall(r"[0-9]+", whole if len(parts) == 1 else " ".join(parts))
    digits = sum(map(len, groups))
    if digits < 3 or len(whole) < SHORTEST_FULL:
        return Keys()
    counted = len(groups[-1]) >= SHORTEST_COUNT  # a number of a series, not a month or a day
    core = "#".join(str(int(group)) for group in groups) if counted and len(groups) > 1 else ""
    tail = groups[-1] if len(groups[-1]) >= SHORTEST_TAIL else ""
    return Keys(reference.strip(), skeleton(whole), core, tail, shape(whole))


def shape(key: str) -> str:
    """``INV202600042`` as ``INV999999999``: what numbers of one series share."""
    return re.sub(r"[0-9]", "9", key)


@dataclass(slots=True)
class Mentions:
    """Everything in a text that may be a document number."""

    full: dict[str, str] = field(default_factory=dict)
    """Skeleton -> as it stands there (without separators)."""
    core: set[str] = field(default_factory=set)
    tail: set[str] = field(default_factory=set)
    shapes: dict[str, set[str]] = field(default_factory=dict)
    squeezed: str = ""

    def strength(self, reference: Keys) -> Strength | None:
        """How clearly a document is named here."""
        if not reference.full:
            return None
        if reference.full in self.full or self._inside(reference.full):
            return "full"
        if reference.core and reference.core in self.core:
            return "core"
        if len(reference.full) >= SHORTEST_FUZZY and any(near(reference.full, found) for found in self.full):
            return "fuzzy"
        return "tail" if reference.tail and reference.tail in self.tail else None

    def names_another(self, reference: Keys) -> bool:
        """Whether a number of the same series stands here, but not this one."""
        return any(skeleton(found) != reference.full for found in self.shapes.get(reference.shape, ()))

    def _inside(self, key: str) -> bool:
        """Whether the key is part of the text run together, not cut out of a longer number."""
        if len(key) < SHORTEST_FUZZY:
            return False
        at = self.squeezed.find(key)
        end = at + len(key)
        return (
            at >= 0
            and not self.squeezed[end : end + 1].isdigit()
            and not (key[0].isdigit() and self.squeezed[at - 1 : at].isdigit())
        )


def mentions(text: str) -> Mentions:
    """Read a text once."""
    parts = pieces(text)
    found = Mentions(squeezed=skeleton("".join(parts)))
    for window in _windows(parts):
        whole = "".join(window)
        if len(whole) >= SHORTEST_FULL and sum(sign.isdigit() for sign in whole) >= 2:
            found.full.setdefault(skeleton(whole), whole)
            found.shapes.setdefault(shape(whole), set()).add(whole)
        numbers = [part for part in window if part.isdigit()]
        if len(numbers) == len(window) > 1 and all(len(part) < 12 for part in numbers):
            found.core.add("#".join(str(int(part)) for part in numbers))
        if len(window) == 1:
            found.tail.update(re.findall(rf"[0-9]{{{SHORTEST_TAIL},9}}", whole))
    return found


def _windows(parts: list[str]) -> Iterator[list[str]]:
    for start in range(len(parts)):
        for length in range(1, min(WINDOW, len(parts) - start) + 1):
            yield parts[start : start + length]


def near(one: str, other: str) -> bool:
    """Whether one slip makes one the other: a sign more, less, changed, or two swapped."""
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    left, right = one[start:], other[start:]
    if len(left) == len(right):
        return left[1:] == right[1:] or (left[2:] == right[2:] and left[:2] == right[:2][::-1])
    return left[1:] == right if len(left) > len(right) else left == right[1:]


def shortened(key: str) -> set[str]:
    """The key and all keys that have one sign less: two keys that share one are about one slip apart."""
    return {key, *(key[:at] + key[at + 1 :] for at in range(len(key)))}


def fingerprint(text: str) -> str:
    """A text without its numbers: what the transfers of one payer have in common. Empty when little is left."""
    words = [part for part in pieces(text) if not any(sign.isdigit() for sign in part)]
    joined = " ".join(words)
    return joined if len(joined) >= 6 else ""
