"""The streams that follow the default branch: commits, the tree of paths, the files of specifications."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from connectors.contract import Client, Key
from connectors.sources.github import fetch, tables
from connectors.sources.github.api import GitHub, Missing
from connectors.sources.github.lists import State
from connectors.sources.github.repositories import Repository
from connectors.sources.github.stream import GitHubStream, Step


class Commits(GitHubStream):
    """Commits that the default branch reaches.

    The first read begins at one commit and so sees a list that never moves; afterwards GitHub is asked what the branch's tip
    reaches that the last one did not, and after a forced push also the other way round.
    Commits that webhooks loaded since then must be reached by the tip too: a later forced push may not have been told.
    ``{"tip": sha, "etag": of the tip, "at": when it was reached, "scan": [sha, page]}``
    """

    table, permission = tables.COMMITS, "Contents"

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """The commits since the tip that was read."""
        if "tip" not in state:
            state = yield from self._scan(github, repo, *state.get("scan", (None, 1)))
        reported = set(state.get("reported", ()))
        head = github.get(f"{self._list(repo)}&per_page=1", state.get("etag"))
        if head.unchanged and not reported and "at" in state:
            return
        tip = state["tip"] if head.unchanged else head.items()[0]["sha"]
        if tip != state["tip"]:
            for step in self._advance(github, repo, state["tip"], tip):
                reported -= {row["sha"] for row in step.records.rows}
                yield step
        yield from self._strays(github, repo, tip, reported - {tip})
        yield Step(state={"tip": tip, "etag": head.etag})

    def agreed(self, client: Client, states: Mapping[str, State], listed: Sequence[int]) -> Mapping[str, State]:
        """With the commits that were loaded since the tip was reached as ``reported``."""
        found = dict(states)
        if client.loaded is None:
            return found
        for number in map(str, listed):
            state = states.get(number, {})
            if "at" in state:
                mine = [(int(number),)]
                older = client.loaded.matching(("repository_id",), mine, before=datetime.fromisoformat(state["at"]))
                newer = set(client.loaded.matching(("repository_id",), mine)) - set(older)
                found[number] = {**state, "reported": sorted(sha for _, sha in newer)}
        return found

    def stamped(self, client: Client, state: State) -> State:
        """With the database's time, once a tip was reached."""
        return {**state, "at": client.loaded.now().isoformat()} if client.loaded and "tip" in state else state

    def _strays(self, github: GitHub, repo: Repository, tip: str, shas: set[str]) -> Iterator[Step]:
        """Those of these commits that the tip does not reach are gone, and so is what only they reach."""
        gone: set[str] = set()
        for sha in sorted(shas):
            if sha in gone:
                continue
            try:
                for items, _ in fetch.commits_between(github, repo, tip, sha):
                    gone.update(item["sha"] for item in items)
            except Missing as error:
                if error.status != 404:
                    raise
                gone.add(sha)
        if gone:
            yield Step(gone=[(repo.id, sha) for sha in sorted(gone)])

    def _list(self, repo: Repository, start: str | None = None) -> str:
        return f"{repo.path}/commits?sha={start or quote(repo.default_branch, safe='')}"

    def _scan(self, github: GitHub, repo: Repository, start: str | None, page: int) -> Generator[Step, None, State]:
        """All commits that the branch's tip, or ``start``, reaches."""
        since = f"&since={self.scope.since}" if self.scope.since else ""
        if start is None and since:
            start = github.get(f"{self._list(repo)}&per_page=1").items()[0]["sha"]
        while True:
            answer = github.get(f"{self._list(repo, start)}&per_page={self.scope.page_size}&page={page}{since}")
            start, page = start or answer.items()[0]["sha"], page + 1
            yield Step(fetch.commits(repo, answer.items()), {"scan": [start, page]})
            if not answer.next:
                return {"tip": start}

    def _advance(self, github: GitHub, repo: Repository, old: str, new: str) -> Iterator[Step]:
        lost = 0
        try:
            for items, behind in fetch.commits_between(github, repo, old, new):
                lost = behind
                yield Step(fetch.commits(repo, items))
            if lost:
                for items, _ in fetch.commits_between(github, repo, new, old):
                    yield Step(gone=[(repo.id, item["sha"]) for item in items])
        except Missing as error:
            if error.status != 404:
                raise
            yield from self._again(github, repo, new)

    def _again(self, github: GitHub, repo: Repository, new: str) -> Iterator[Step]:
        """GitHub has forgotten the last tip: everything is read again, and what is not met is gone."""
        seen: set[Key] = set()
        for step in self._scan(github, repo, new, 1):
            seen.update(map(self.table.key_of, step.records.rows))
            yield Step(step.records)
        if not self.scope.since:
            yield Step(only=self.only_these(repo, seen))


class RepositoryTrees(GitHubStream):
    """The paths of the default branch, so that what documents name can be looked for. ``{"etag": ..., "sha": of the tree}``"""

    table, permission = tables.REPOSITORY_TREES, "Contents"

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """One row, when the tree has changed."""
        found = fetch.tree(github, repo, state.get("etag"))
        if found is not None:
            yield Step(fetch.repository_tree(repo, found), {"etag": found.etag, "sha": found.sha})

    def agreed(self, client: Client, states: Mapping[str, State], listed: Sequence[int]) -> Mapping[str, State]:
        """Without those of trees that are not the loaded ones."""
        if client.loaded is None:
            return states
        read = [(number, states[str(number)].get("sha")) for number in listed if "etag" in states.get(str(number), {})]
        same = set(client.loaded.matching(("repository_id", "sha"), read))
        return {number: state for number, state in states.items() if "etag" not in state or int(number) in same}


class SpecFiles(GitHubStream):
    """Files of Spec Kit bundles. ``{"etag": of the tree, "files": {path: sha}}``"""

    table, permission = tables.SPEC_FILES, "Contents"

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """The files that are new or have another sha; those that are no longer there are gone."""
        found = fetch.tree(github, repo, state.get("etag"))
        if found is None:
            return
        files, known = fetch.spec_paths(found), state.get("files", {})
        gone = [(repo.id, path) for path in known if path not in files]
        yield Step(fetch.spec_files(github, repo, found, known), {"etag": found.etag, "files": files}, gone=gone)

    def agreed(self, client: Client, states: Mapping[str, State], listed: Sequence[int]) -> Mapping[str, State]:
        """With the files that are loaded; where they are others than were read, the tree is asked for again."""
        found = dict(states)
        if client.loaded is None:
            return found
        for number in listed:
            state = states.get(str(number), {})
            if "etag" not in state:
                continue
            files = state.get("files", {})
            read = [(number, path, sha) for path, sha in files.items()]
            same = {path for _, path in client.loaded.matching(("repository_id", "path", "sha"), read)}
            there = {path for _, path in client.loaded.matching(("repository_id",), [(number,)])}
            if not files.keys() == same == there:
                found[str(number)] = {"files": {path: files[path] if path in same else "" for path in there}}
        return found
