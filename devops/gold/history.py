"""The commit graph of one repository, and what descends from what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; ``parents`` in git's order, the first being the line it was made on."""

    sha: str
    parents: tuple[str, ...]
    authored_at: datetime | None
    message: str = ""
    author: str = ""
    html_url: str = ""


class History:
    """Commits by their sha. A parent that was not loaded ends every walk: nothing is known beyond it."""

    def __init__(self, commits: Iterable[Commit]) -> None:
        self.commits = {commit.sha: commit for commit in commits}
        self._heights: dict[str, int] = {}

    def __contains__(self, sha: str | None) -> bool:
        return sha in self.commits

    def __getitem__(self, sha: str) -> Commit:
        return self.commits[sha]

    def parents(self, sha: str) -> list[str]:
        """The parents that are loaded."""
        commit = self.commits.get(sha)
        return [parent for parent in commit.parents if parent in self.commits] if commit else []

    def line(self, tip: str, length: int) -> list[Commit]:
        """The last ``length`` commits of the first-parent line that ends in ``tip``, oldest first; fewer where it ends."""
        found: list[Commit] = []
        sha: str | None = tip
        while sha in self.commits and len(found) < length:
            commit = self.commits[sha]
            found.append(commit)
            sha = commit.parents[0] if commit.parents else None
        return found[::-1]

    def reach(self, tip: str, seen: set[str]) -> Iterator[str]:
        """``tip`` and its ancestors that are not in ``seen``, which takes them up."""
        todo = [tip] if tip in self.commits else []
        while todo:
            sha = todo.pop()
            if sha not in seen:
                seen.add(sha)
                yield sha
                todo += self.parents(sha)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether ``old`` is a strict ancestor of ``new``. Looks at no commit that lies lower than ``old``."""
        if old == new or old not in self.commits or new not in self.commits or self.height(old) >= self.height(new):
            return False
        floor, seen, todo = self.height(old), {new}, [new]
        while todo:
            for parent in self.parents(todo.pop()):
                if parent == old:
                    return True
                if parent not in seen and self.height(parent) > floor:
                    seen.add(parent)
                    todo.append(parent)
        return False

    def height(self, sha: str) -> int:
        """The length of the longest way down to a commit without loaded parents."""
        heights, todo = self._heights, [sha]
        while todo:
            at = todo[-1]
            missing = [parent for parent in self.parents(at) if parent not in heights] if at not in heights else []
            if missing:
                todo += missing
            else:
                heights.setdefault(at, 1 + max((heights[parent] for parent in self.parents(at)), default=0))
                todo.pop()
        return heights[sha]
