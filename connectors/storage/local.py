"""Files on this host, inside the allowed folders only. They are read in place: a copy would double the disk and the time."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from connectors.contract import StopStream
from connectors.storage.places import Changed, Item, Positioned, Snapshot, Vanished

BLOCK = 1 << 20
HOT_SECONDS = 2.0
"""A file written to this recently may change again within the same tick of the clock, so it is hashed twice."""
_MAGIC = re.compile(r"[*?\[]")


class LocalPlace:
    """A file, a folder (its files), or a glob (``*``, ``?``, ``[...]``, ``**/`` for any depth). Hidden files only by name."""

    def __init__(self, path: str, roots: tuple[Path, ...]) -> None:
        self.label = path
        self.passed_over: list[str] = []
        self._roots = tuple(os.path.realpath(root) for root in roots)
        if not self._roots:
            raise StopStream("No folder may be read: set IPAI_FILES_ROOTS to the folders that connectors may read")
        if "\0" in path or not os.path.isabs(path):
            raise StopStream(f"{path!r} is not an absolute path: write it in full, from /")
        parts = path.split("/")
        fixed = next((number for number, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        base = "/".join(parts[:fixed]) or "/"
        self._base, self._pattern = os.path.realpath(base), "/".join(parts[fixed:])
        self._allowed(self._base)

    def items(self) -> list[Item]:
        """Regular files, by name relative to the part of the path before the first wildcard. What else a folder holds
        (pipes, sockets, links that lead outside or nowhere) is passed over and noted."""
        self.passed_over = []
        if not self._pattern and not os.path.isdir(self._base):
            return self._only_one()
        found = sorted(self._matches(self._pattern or "*"))
        return [item for name, path in found if (item := self._item(name, path)) is not None]

    def snapshot(self, item: Item, scratch: Path) -> Snapshot:
        """Hash the open file; it is the same open file that is read afterwards, whatever the name comes to mean."""
        for _ in range(2):
            descriptor = self._open(item)
            try:
                before = os.fstat(descriptor)
                hot = time.time() - before.st_mtime < HOT_SECONDS
                digest = _digest(descriptor, before.st_size)
                if digest is not None and _same(before, os.fstat(descriptor)):
                    return self._ready(item, descriptor, before, digest, hot)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise Changed(item.name)

    def _ready(self, item: Item, descriptor: int, before: os.stat_result, digest: str, hot: bool) -> Snapshot:
        size, held = before.st_size, [descriptor]  # emptied by close: the number may then be another file's

        def pread(count: int, offset: int) -> bytes:
            return os.pread(held[0], count, offset) if held else b""

        def verify() -> None:
            if not _same(before, os.fstat(held[0])) or (hot and _digest(held[0], size) != digest):
                raise Changed(item.name)

        def reader() -> BinaryIO:
            return cast(BinaryIO, Positioned(pread, size))

        def close() -> None:
            if held:
                os.close(held.pop())

        read = Item(item.name, item.locator, size, _moment(before), None)
        return Snapshot(read, reader, digest, size, verify, close)

    def _only_one(self) -> list[Item]:
        """The file that the path names; it was checked to be inside."""
        try:
            found = os.stat(self._base)
        except OSError:
            return []
        if not stat.S_ISREG(found.st_mode):
            raise StopStream(f"{self.label} is not a regular file: devices, pipes and sockets are not read")
        return [Item(os.path.basename(self._base), self._base, found.st_size, _moment(found))]

    def _item(self, name: str, path: str) -> Item | None:
        """An entry of a folder, if it is a regular file inside."""
        real = os.path.realpath(path)
        found = None
        try:
            found = os.stat(real) if self._inside(real) else None
        except OSError:
            pass  # a link to nothing, or deleted since
        if found and stat.S_ISREG(found.st_mode):
            return Item(name, path, found.st_size, _moment(found))
        if os.path.islink(path):
            self.passed_over.append(f"{name} is a link that leads to no file inside the folders that connectors may read")
        elif found and not stat.S_ISDIR(found.st_mode):
            self.passed_over.append(f"{name} is not a regular file: devices, pipes and sockets are not read")
        return None

    def _matches(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Names and paths below the base; linked folders are not entered."""
        wanted = re.compile(_translate(pattern), re.DOTALL)
        deep = "**" in pattern or "/" in pattern
        hidden = pattern.startswith(".") or "/." in pattern
        for folder, folders, files in os.walk(self._base):
            folders[:] = [name for name in folders if deep and (hidden or not name.startswith("."))]
            for name in files:
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, self._base)
                if wanted.fullmatch(relative) and (hidden or not name.startswith(".")):
                    yield relative, path

    def _open(self, item: Item) -> int:
        """Open what the path resolves to and make sure that this is what was opened, and that it is inside."""
        real = os.path.realpath(item.locator)
        self._allowed(real)
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise Vanished(item.name) from None
            raise StopStream(f"{item.name} cannot be opened: {error.strerror}: let the portal's user read it") from None
        try:
            opened = os.fstat(descriptor)
            again = os.path.realpath(real)  # a folder above may have become a link since
            self._allowed(again)
            now = os.stat(again)
            if not stat.S_ISREG(opened.st_mode):
                raise StopStream(f"{item.name} is not a regular file: devices, pipes, folders are not read")
            if (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino) or not self._inside(_path_of(descriptor, again)):
                raise Changed(item.name)
        except FileNotFoundError:
            os.close(descriptor)
            raise Vanished(item.name) from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _inside(self, real: str) -> bool:
        return any(real == root or real.startswith(root.rstrip("/") + "/") for root in self._roots)

    def _allowed(self, real: str) -> None:
        """The message is the same whether the file exists or not."""
        if not self._inside(real):
            raise StopStream(f"{self.label} is outside the folders that connectors may read: see IPAI_FILES_ROOTS")


def _path_of(descriptor: int, otherwise: str) -> str:
    """The path of an open file where the system tells it (Linux)."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    except OSError:
        return otherwise


def _digest(descriptor: int, size: int) -> str | None:
    """SHA-256 of the first ``size`` bytes; None when there are fewer or more."""
    digest, at = hashlib.sha256(), 0
    while block := os.pread(descriptor, BLOCK, at):
        digest.update(block)
        at += len(block)
    return digest.hexdigest() if at == size else None


def _same(before: os.stat_result, now: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) == (now.st_size, now.st_mtime_ns, now.st_ino)


def _moment(found: os.stat_result) -> str:
    """Modification time with all its digits: two writes in one second differ."""
    seconds, rest = divmod(found.st_mtime_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _translate(pattern: str) -> str:
    """A glob as a regular expression over a relative path."""
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif pattern[at] == "?":
            out, at = out + "[^/]", at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out, at = out + "[" + ("^" + inner[1:] if inner[0] == "!" else inner.replace("^", "\\^")) + "]", end + 1
        else:
            out, at = out + re.escape(pattern[at]), at + 1
    return out
