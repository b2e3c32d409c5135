"""The files of one commit, from wherever they are: a checkout on disk, or rows that a connector loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

MAX_BYTES = 1024 * 1024
"""A document that is larger is not read."""


class Unreadable(Exception):
    """A document that cannot be judged; the message says why."""


class Tree(Protocol):
    """The files of one commit: a checkout on disk, or rows of ``spec_files``. Paths are relative, with ``/``."""

    def names(self, folder: str) -> Iterable[str]:
        """Names directly in ``folder``; nothing when it is not a folder."""

    def is_folder(self, path: str) -> bool: ...

    def exists(self, path: str) -> bool: ...

    def read(self, path: str) -> bytes:
        """At most ``MAX_BYTES + 1`` bytes. Raises ``FileNotFoundError`` or :class:`Unreadable`."""


class Checkout:
    """A folder on disk. Links are followed only to what is inside it; pipes and devices are never opened."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve(strict=True)

    def _inside(self, path: str) -> Path | None:
        try:
            found = (self.root / path).resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
            return None
        return found if found.is_relative_to(self.root) else None

    def names(self, folder: str) -> list[str]:
        found = self._inside(folder)
        try:
            return sorted(entry.name for entry in found.iterdir()) if found and found.is_dir() else []
        except OSError:
            return []

    def is_folder(self, path: str) -> bool:
        found = self._inside(path)
        return found.is_dir() if found else (self.root / path).is_dir()  # a folder linked from outside is still named a bundle

    def exists(self, path: str) -> bool:
        found = self._inside(path)
        try:
            return found is not None and found.exists()
        except OSError:
            return False

    def read(self, path: str) -> bytes:
        found = self._inside(path)
        if found is None:
            raise Unreadable("is a link out of the checkout; put the document itself here")
        try:
            if not found.is_file():
                if found.exists():
                    raise Unreadable("is not a regular file")
                raise FileNotFoundError(path)
            with found.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except PermissionError:
            raise Unreadable("may not be read by this account") from None


class Stored:
    """Files that are in tables: ``contents`` by path (None: it is there, but was too large or no text), and all ``paths``."""

    def __init__(self, contents: Mapping[str, str | None], paths: Iterable[str] = ()) -> None:
        self.contents = contents
        self.files = {*contents, *paths}
        self.folders: dict[str, set[str]] = {}
        for path in self.files:
            while "/" in path:
                path, _, name = path.rpartition("/")
                names = self.folders.setdefault(path, set())
                if name in names:
                    break
                names.add(name)

    def names(self, folder: str) -> list[str]:
        return sorted(self.folders.get(folder, ()))

    def is_folder(self, path: str) -> bool:
        return path in self.folders

    def exists(self, path: str) -> bool:
        return path in self.files or path.rstrip("/") in self.folders

    def read(self, path: str) -> bytes:
        if path in self.folders or path not in self.files:
            raise FileNotFoundError(path)
        content = self.contents.get(path)
        if content is None:
            raise Unreadable(f"was not loaded: it is no text, or larger than {MAX_BYTES // 1024} KiB")
        return content.encode()[: MAX_BYTES + 1]
