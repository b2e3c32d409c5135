"""What a place of files gives: items that can be listed, and snapshots of them that cannot change under the reader."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from connectors.contract import StopStream


class Vanished(Exception):
    """The item was listed and is no longer there."""


class Changed(StopStream):
    """The item was not the same at the end as at the beginning."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was changed while it was read: nothing of it was loaded; run again when it is complete")


@dataclass(frozen=True, slots=True)
class Item:
    """A file at the source. ``name`` is unique in the place; ``version`` is whatever the place gives to tell versions apart."""

    name: str
    locator: str
    size: int | None = None
    modified: str | None = None
    version: str | None = None


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Snapshot:
    """The bytes of an item at one moment. ``verify`` raises :class:`Changed` if they are not what was hashed."""

    item: Item
    open: Callable[[], BinaryIO]
    sha256: str
    size: int
    verify: Callable[[], None] = field(default=_nothing)
    close: Callable[[], None] = field(default=_nothing)


class Place(Protocol):
    """Where files are."""

    label: str
    """For people: "/data/*.csv", "https://host/path", "s3://bucket/prefix"."""
    passed_over: list[str]
    """What the last listing met and did not take, one line for people each."""

    def items(self) -> list[Item]:
        """In name order. Raises StopStream or ReconnectNeeded with one line."""
        ...

    def snapshot(self, item: Item, scratch: Path) -> Snapshot:
        """Raises Vanished when the item is gone, Changed when it did not hold still twice."""
        ...


class Positioned(io.RawIOBase):
    """A reader with a position of its own over ``pread``: many of them may share one open file."""

    def __init__(self, pread: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._pread, self._size, self._at = pread, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._pread(wanted, self._at) if wanted else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
