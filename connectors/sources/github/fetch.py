"""Single things of one repository, for the streams and for what a webhook's payload lacks.

Every function asks GitHub for one thing and gives its records: rows with what GitHub sent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.sources.github import records
from connectors.sources.github.api import GitHub, Missing
from connectors.sources.github.repositories import Repository
from connectors.sources.github.tables import Row

SPEC_FOLDERS = ("spec/", "specs/", ".specify/memory/")
LARGEST_FILE = 1024 * 1024
"""Bytes of a specification's file; the text of larger ones is left out."""


@dataclass(slots=True)
class Records:
    """Rows of one table and, where the table keeps it, what GitHub sent of each."""

    rows: list[Row] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)

    def add(self, row: Row, item: Mapping[str, Any] | None = None) -> None:
        """One more."""
        self.rows.append(row)
        if item is not None:
            self.raws.append(raw(item))

    def extend(self, other: Records) -> None:
        """Those of another one too."""
        self.rows += other.rows
        self.raws += other.raws

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of the default branch. ``files``: path -> (blob's sha, bytes, mode)."""

    sha: str
    etag: str | None
    truncated: bool
    files: Mapping[str, tuple[str, int, str]]


def raw(item: Mapping[str, Any]) -> str:
    """The object as JSON, as GitHub sent it but for the repositories inside it, of which id and name are left.

    GitHub repeats the whole repository in each run and pull request, which would be most of what is kept.
    """
    slim = dict(item)
    for name in ("repository", "head_repository"):
        if name in slim:
            slim[name] = _named(slim[name])
    for name in ("head", "base"):
        if isinstance(slim.get(name), dict) and "repo" in slim[name]:
            slim[name] = {**slim[name], "repo": _named(slim[name]["repo"])}
    return msgspec.json.encode(slim).decode()


def _named(repository: Any) -> Any:
    return {name: repository.get(name) for name in ("id", "full_name")} if isinstance(repository, dict) else repository


def repository(github: GitHub, repository_id: int) -> Mapping[str, Any]:
    """A repository by id: renamed and moved ones too. Raises Missing."""
    item: Mapping[str, Any] = github.get(f"repositories/{repository_id}").value
    return item


def pull_request(github: GitHub, repo: Repository, number: int) -> Records:
    """The pull request as it is now."""
    found = Records()
    item = github.get(f"{repo.path}/pulls/{number}").value
    found.add(records.pull_request(item, repo.id), item)
    return found


def pull_request_commits(github: GitHub, repo: Repository, number: int) -> Records:
    """The commits of a pull request in order, 250 at most."""
    found = Records()
    for position, item in enumerate(github.pages(f"{repo.path}/pulls/{number}/commits?per_page=100"), 1):
        found.add(records.pull_request_commit(item, repo.id, number, position), item)
    return found


def reviews(github: GitHub, repo: Repository, number: int) -> Records:
    """The reviews of a pull request."""
    found = Records()
    for item in github.pages(f"{repo.path}/pulls/{number}/reviews?per_page=100"):
        found.add(records.review(item, repo.id, number), item)
    return found


def workflow_run(github: GitHub, repo: Repository, run_id: int) -> Records:
    """A run in its latest attempt."""
    found = Records()
    item = github.get(f"{repo.path}/actions/runs/{run_id}?exclude_pull_requests=true").value
    found.add(records.workflow_run(item, repo.id), item)
    return found


def earlier_attempts(github: GitHub, repo: Repository, run_id: int, latest: int) -> Records:
    """The attempts of a run before the ``latest``. GitHub may have deleted old ones."""
    found = Records()
    for number in range(1, latest):
        try:
            item = github.get(f"{repo.path}/actions/runs/{run_id}/attempts/{number}?exclude_pull_requests=true").value
        except Missing as error:
            if error.status != 404:
                raise
            continue
        found.add(records.workflow_run_attempt(item, repo.id), item)
    return found


def workflow_jobs(github: GitHub, repo: Repository, run_id: int) -> Records:
    """The jobs of all attempts of a run; none when the run is gone."""
    found = Records()
    try:
        for item in github.pages(f"{repo.path}/actions/runs/{run_id}/jobs?filter=all&per_page=100", "jobs"):
            found.add(records.workflow_job(item, repo.id), item)
    except Missing as error:
        if error.status != 404:
            raise
    return found


def deployment_statuses(github: GitHub, repo: Repository, deployment_id: int) -> Records:
    """All statuses of a deployment; none when it is gone."""
    found = Records()
    try:
        for item in github.pages(f"{repo.path}/deployments/{deployment_id}/statuses?per_page=100"):
            found.add(records.deployment_status(item, repo.id, deployment_id), item)
    except Missing as error:
        if error.status != 404:
            raise
    return found


def commits(repo: Repository, items: Sequence[Mapping[str, Any]]) -> Records:
    """Commits as rows."""
    found = Records()
    for item in items:
        found.add(records.commit(item, repo.id), item)
    return found


def commits_between(github: GitHub, repo: Repository, old: str, new: str) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """The commits that ``new`` reaches and ``old`` does not, page by page, and how many it is the other way round.

    Raises Missing when GitHub no longer knows the old commit (404).
    """
    seen, number = 0, 0
    while True:
        number += 1
        found = github.get(f"{repo.path}/compare/{quote(old)}...{quote(new)}?per_page=100&page={number}").value
        items = found.get("commits") or []
        seen += len(items)
        yield items, int(found.get("behind_by") or 0)
        if not items or seen >= int(found.get("total_commits") or 0):
            return


def tree(github: GitHub, repo: Repository, etag: str | None = None) -> Tree | None:
    """The files of the default branch; None when the ETag still stands. Raises Missing for an empty repository (409, 404).

    Where GitHub leaves files out because there are too many, the folders of specifications are asked for by themselves.
    """
    path = f"{repo.path}/git/trees"
    answer = github.get(f"{path}/{quote(repo.default_branch, safe='')}?recursive=1", etag)
    if answer.unchanged:
        return None
    found, truncated = answer.value, bool(answer.value.get("truncated"))
    files = _files(found, "")
    if truncated:
        for top in github.get(f"{path}/{found['sha']}").value["tree"]:
            if top["type"] == "tree" and f"{top['path']}/" in ("spec/", "specs/", ".specify/"):
                files |= _files(github.get(f"{path}/{top['sha']}?recursive=1").value, f"{top['path']}/")
    return Tree(str(found["sha"]), answer.etag, truncated, files)


def _files(found: Mapping[str, Any], prefix: str) -> dict[str, tuple[str, int, str]]:
    return {
        prefix + entry["path"]: (entry["sha"], int(entry.get("size") or 0), entry["mode"])
        for entry in found["tree"]
        if entry["type"] == "blob"
    }


def repository_tree(repo: Repository, found: Tree) -> Records:
    """The one row of repository_trees."""
    row = {
        "repository_id": repo.id,
        "ref": repo.default_branch,
        "sha": found.sha,
        "truncated": found.truncated,
        "paths": sorted(found.files),
    }
    return Records([row])


def spec_paths(found: Tree) -> dict[str, str]:
    """The files of specifications: path -> sha."""
    return {path: entry[0] for path, entry in found.files.items() if path.startswith(SPEC_FOLDERS)}


def spec_files(github: GitHub, repo: Repository, found: Tree, known: Mapping[str, str] | None = None) -> Records:
    """The files of specifications that are new or have another sha than in ``known`` (path -> sha)."""
    wanted = [path for path, sha in spec_paths(found).items() if (known or {}).get(path) != sha]
    return Records(github.map(lambda path: _spec_file(github, repo, found, path), sorted(wanted)))


def _spec_file(github: GitHub, repo: Repository, found: Tree, path: str) -> Row:
    sha, size, mode = found.files[path]
    content, omitted = None, None
    if not path.lower().endswith(".md"):
        omitted = "not Markdown"
    elif mode == "120000":
        omitted = "a symbolic link"
    elif size > LARGEST_FILE:
        omitted = f"larger than {LARGEST_FILE:,} bytes"
    else:
        content = _text(github.get(f"{repo.path}/git/blobs/{sha}").value)
        omitted = None if content is not None else "not text in UTF-8"
    row = {"repository_id": repo.id, "path": path, "sha": sha, "size": size, "ref": repo.default_branch}
    return {**row, "content": content, "omitted": omitted}


def _text(blob: Mapping[str, Any]) -> str | None:
    try:
        text = base64.b64decode(blob["content"]).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return None if "\x00" in text else text
