"""The stream of the repositories themselves."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import Client, Cursor, Deleted, Emitted
from connectors.sources.github import fetch, records, tables
from connectors.sources.github.api import GitHub, Missing
from connectors.sources.github.lists import State
from connectors.sources.github.repositories import Repository
from connectors.sources.github.stream import GitHubStream, Step


class Repositories(GitHubStream):
    """Repositories. One that is no longer listed may be deleted, moved or hidden: its row stays, and one warning says so."""

    table, belongs = tables.REPOSITORIES, "id"

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """Nothing: they come with the directory."""
        return iter(())

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """Those that are new or changed. ``{"directory": {...}, "source": {...}}``"""
        github = self.github(client)
        cursor, moved = self._resume(github, client, since)
        before = cursor.get("directory", {})
        repositories, changed, directory, lost = self.directory.read(github, before)
        reached: Cursor = {"directory": directory, "source": cursor["source"]}
        if moved:
            begun, gone = self._move(client, cursor, moved, [repo.id for repo in repositories], bool(lost))
            reached = {**reached, "source": begun["source"]}
            yield Deleted(gone, {name: value for name, value in begun.items() if name != "repositories"})
        if changed:
            found = fetch.Records()
            for item in changed:
                found.add(records.repository(item), item)
            yield self.page(found)
        yield Deleted((), reached if reached != since else None)
        for name, error in lost.items():
            client.log.warning("GitHub does not give %s (%s): deleted, or hidden from the token; what is loaded stays", name, error)
        if directory != before and client.loaded and not lost:
            for repository_id in sorted(set(client.loaded.keys(0, None)) - {repo.id for repo in repositories}):
                self._explain(github, client, repository_id)

    def _explain(self, github: GitHub, client: Client, repository_id: int) -> None:
        assert client.loaded is not None
        (name,) = client.loaded.values(["full_name"], [repository_id])[repository_id]
        try:
            now = fetch.repository(github, repository_id)
        except Missing as error:
            client.log.warning(
                "%s is no longer listed (%s): deleted, or hidden from the token; what is loaded of it stays", name, error
            )
            return
        if now.get("full_name") != name:
            client.log.warning("%s is not read any more: it is now %s", name, now.get("full_name"))
            return
        left = " (archived)" * bool(now.get("archived")) + " (a fork)" * bool(now.get("fork"))
        client.log.warning("%s%s is not among the repositories that are read any more; what is loaded of it stays", name, left)
