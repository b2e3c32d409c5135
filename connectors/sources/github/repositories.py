"""Which repositories there are: those of an organisation or user, or a list of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sources.github.api import GitHub, Missing

Found = list[dict[str, Any]]
State = dict[str, Any]
PAGE = 100
"""Repositories per request."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What the streams need of a repository."""

    id: int
    full_name: str
    default_branch: str
    stamp: str = ""
    """Changes with the repository's settings and with every push."""

    @property
    def path(self) -> str:
        """Where its API is. An old name leads to the same repository after a rename."""
        return f"repos/{self.full_name}"

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Repository:
        """From GitHub's object."""
        stamp = f"{item.get('updated_at')} {item.get('pushed_at')}"
        return cls(int(item["id"]), str(item["full_name"]), str(item.get("default_branch") or "main"), stamp)


@dataclass(frozen=True)
class Directory:
    """Finds the repositories. Its state holds an ETag and the repositories of each page, so that no change costs nothing."""

    owner: str = ""
    names: Sequence[str] = ()
    archived: bool = True
    forks: bool = False

    def read(self, github: GitHub, state: State) -> tuple[list[Repository], Found, State, dict[str, Missing]]:
        """All repositories, the objects that are new or changed, the state, and names that GitHub does not give."""
        lost: dict[str, Missing] = {}
        state, found = self._by_name(github, state, lost) if self.names else self._by_owner(github, state)
        entries = [entry for _, entries in state["pages"].values() for entry in entries if self._wanted(entry)]
        repositories = {entry[0]: Repository(*entry[:4]) for entry in entries}
        return list(repositories.values()), [item for item in found if int(item["id"]) in repositories], state, lost

    def _wanted(self, entry: Sequence[Any]) -> bool:
        archived, fork = entry[4:]
        return bool(self.names) or ((self.archived or not archived) and (self.forks or not fork))

    def _by_name(self, github: GitHub, state: State, lost: dict[str, Missing]) -> tuple[State, Found]:
        pages: State = {}
        found: Found = []
        for name in self.names:
            known = state.get("pages", {}).get(name)
            try:
                answer = github.get(f"repos/{name}", known and known[0])
            except Missing as error:
                lost[name] = error
                continue
            if not answer.unchanged:
                found.append(answer.value)
            pages[name] = known if answer.unchanged else [answer.etag, [_entry(answer.value)]]
        return {"pages": pages}, found

    def _by_owner(self, github: GitHub, state: State) -> tuple[State, Found]:
        path = state.get("list") or self._list(github)
        pages: State = {}
        found: Found = []
        while True:
            number = str(len(pages) + 1)
            known = state.get("pages", {}).get(number)
            answer = github.get(f"{path}&page={number}", known and known[0])
            if not answer.unchanged:
                found += answer.items()
            pages[number] = known if answer.unchanged else [answer.etag, [_entry(item) for item in answer.items()]]
            if len(pages[number][1]) < PAGE:
                return {"list": path, "pages": pages}, found

    def _list(self, github: GitHub) -> str:
        """Where the owner's repositories are listed: organisations, oneself and other people have different places."""
        order = f"per_page={PAGE}&sort=created&direction=asc"
        try:
            github.get(f"orgs/{self.owner}")
            return f"orgs/{self.owner}/repos?type=all&{order}"
        except Missing as error:
            if error.status != 404:
                raise
        try:
            github.get(f"users/{self.owner}")
        except Missing as error:
            raise Missing(error.status, f"GitHub knows no organisation or user {self.owner}, or the token may not see it") from None
        try:
            myself = str(github.get("user").value.get("login", ""))
        except Missing:  # an App's token is no user
            myself = ""
        if myself.lower() == self.owner.lower():
            return f"user/repos?affiliation=owner&{order}"
        return f"users/{self.owner}/repos?type=owner&{order}"


def _entry(item: Mapping[str, Any]) -> list[Any]:
    one = Repository.of(item)
    return [one.id, one.full_name, one.default_branch, one.stamp, bool(item.get("archived")), bool(item.get("fork"))]
