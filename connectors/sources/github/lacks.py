"""What payloads of webhooks leave out, fetched by the functions that the streams use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.contract import Loaded
from connectors.sources.github import fetch as ask
from connectors.sources.github import records
from connectors.sources.github.api import GitHub, Missing
from connectors.sources.github.events import Lack
from connectors.sources.github.fetch import Records
from connectors.sources.github.repositories import Repository
from connectors.webhook import Said

NO_COMMIT = "0" * 40
"""What a push says came before the first commit of a branch."""
Find = Callable[[str], Loaded]


def fetch(github: GitHub, lack: Lack, loaded: Find) -> Iterator[Said]:
    """The records that a payload lacked. Nothing where GitHub no longer has them. Raises Retry and ReconnectNeeded."""
    repo = Repository(lack.repository_id, lack.repository, lack.default_branch)
    try:
        yield from FETCHERS[lack.what](github, repo, lack.key, loaded)
    except Missing as error:
        github.client.log.info("%s of %s: %s", lack.what, lack.repository, error)


def _issue(github: GitHub, repo: Repository, key: tuple[Any, ...], _: Find) -> Iterator[Said]:
    item = github.get(f"{repo.path}/issues/{key[0]}").value
    yield Said("issues", records.issue(item, repo.id), ask.raw(item))


def _pull_request_commits(github: GitHub, repo: Repository, key: tuple[Any, ...], loaded: Find) -> Iterator[Said]:
    """Those that it has now; a forced push takes commits out of a pull request."""
    found = ask.pull_request_commits(github, repo, key[0])
    yield from _said("pull_request_commits", found)
    there = {(repo.id, key[0], row["sha"]) for row in found.rows}
    before = loaded("pull_request_commits").matching(("repository_id", "pull_request_number"), [(repo.id, key[0])])
    names = ("repository_id", "pull_request_number", "sha")
    yield from _lost("pull_request_commits", names, set(before) - there)


def _attempts(github: GitHub, repo: Repository, key: tuple[Any, ...], _: Find) -> Iterator[Said]:
    yield from _said("workflow_run_attempts", ask.earlier_attempts(github, repo, key[0], key[1]))


def _commits(github: GitHub, repo: Repository, key: tuple[Any, ...], _: Find) -> Iterator[Said]:
    """What the default branch reaches now and did not before the push; after a forced one also the other way round."""
    old, new, forced = key
    try:
        if old != NO_COMMIT:
            for items, _behind in ask.commits_between(github, repo, old, new):
                yield from _said("commits", ask.commits(repo, items))
            if forced:
                for items, _behind in ask.commits_between(github, repo, new, old):
                    yield from _lost("commits", ("repository_id", "sha"), {(repo.id, item["sha"]) for item in items})
            return
    except Missing as error:
        github.client.log.info("Commits of %s before the push are gone: %s", repo.full_name, error)
    items = list(github.pages(f"{repo.path}/commits?sha={quote(new)}&per_page=100"))
    yield from _said("commits", ask.commits(repo, items))


def _files(github: GitHub, repo: Repository, _: tuple[Any, ...], loaded: Find) -> Iterator[Said]:
    """The tree of the default branch, its specifications that changed and those that are gone."""
    tree = ask.tree(github, repo)
    assert tree is not None
    yield from _said("repository_trees", ask.repository_tree(repo, tree))
    paths, held = ask.spec_paths(tree), loaded("spec_files")
    same = held.matching(("repository_id", "path", "sha"), [(repo.id, path, sha) for path, sha in paths.items()])
    known: Mapping[str, str] = {path: paths[path] for _, path in same}
    yield from _said("spec_files", ask.spec_files(github, repo, tree, known))
    before = set(held.matching(("repository_id",), [(repo.id,)]))
    yield from _lost("spec_files", ("repository_id", "path"), before - {(repo.id, path) for path in paths})


FETCHERS: Mapping[str, Callable[[GitHub, Repository, tuple[Any, ...], Find], Iterator[Said]]] = {
    "issue": _issue,
    "pull_request_commits": _pull_request_commits,
    "workflow_run_attempts": _attempts,
    "commits": _commits,
    "files": _files,
}


def _said(stream: str, found: Records) -> Iterator[Said]:
    raws = found.raws or [""] * len(found.rows)
    for row, raw in zip(found.rows, raws, strict=True):
        yield Said(stream, row, raw)


def _lost(stream: str, names: tuple[str, ...], keys: set[Any]) -> Iterator[Said]:
    for key in sorted(keys):
        yield Said(stream, dict(zip(names, key, strict=True)), lost=True)
