"""What ``checkconnector`` tells of a GitHub connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from connectors.contract import Check, SourceError
from connectors.sources.github.api import Answer, GitHub, Missing
from connectors.sources.github.repositories import Directory, Repository
from connectors.sources.github.stream import GitHubStream

_PROBES = {
    "Issues": "issues?per_page=1",
    "Pull requests": "pulls?per_page=1",
    "Actions": "actions/runs?per_page=1",
    "Deployments": "deployments?per_page=1",
    "Contents": "commits?per_page=1",
}
_EMPTY = (409, 410)


def look(github: GitHub, directory: Directory, streams: Sequence[type[GitHubStream]]) -> Iterator[Check]:
    """The server and login, the repositories, each right on one of them, what is left of the limit."""
    try:
        rate = github.get("rate_limit")
        yield Check("Login", True, f"{_who(github)} at {github.api_url}{_scopes(rate)}")
        repositories, _, _, lost = directory.read(github, {})
    except SourceError as error:
        yield Check("Login" if not isinstance(error, Missing) else "Repositories", False, str(error))
        return
    for name, missing in lost.items():
        yield Check(name, False, f"GitHub does not give it ({missing}): check the name, and whether the token may see it")
    words = _names(repositories) if repositories else "There is none that the token may see"
    yield Check("Repositories", bool(repositories), words)
    if repositories:
        yield from _rights(github, repositories[0], streams)
    core = rate.value["resources"]["core"]
    reset = datetime.fromtimestamp(core["reset"], UTC)
    left = f"{core['remaining']:,} of {core['limit']:,} requests left until {reset:%H:%M} UTC"
    yield Check("Rate limit", core["remaining"] > 0, left)


def _who(github: GitHub) -> str:
    if github.login.renews:
        return github.login.words()
    try:
        return f"The token of {github.get('user').value['login']}"
    except Missing:
        return "A token that is no user's"


def _scopes(rate: Answer) -> str:
    scopes = rate.headers.get("x-oauth-scopes")
    if scopes is None:
        return ""
    public_only = "repo" not in [scope.strip() for scope in scopes.split(",")]
    lacking = "; without the scope repo it reads public repositories only" if public_only else ""
    return f" with the scopes {scopes or 'none'}{lacking}"


def _names(repositories: Sequence[Repository]) -> str:
    shown = ", ".join(repo.full_name for repo in repositories[:5])
    return f"{len(repositories):,} found: {shown}{', …' if len(repositories) > 5 else ''}"


def _rights(github: GitHub, repo: Repository, streams: Sequence[type[GitHubStream]]) -> Iterator[Check]:
    for permission, path in _PROBES.items():
        tables = [kind.table.name for kind in streams if kind.permission == permission]
        try:
            github.get(f"{repo.path}/{path}")
        except Missing as error:
            if error.status not in _EMPTY:
                yield Check(permission, False, f"{error} for {repo.full_name}: give the token the right to read {permission}")
                continue
        except SourceError as error:
            yield Check(permission, False, str(error))
            continue
        yield Check(permission, True, f"May be read: {', '.join(tables)}")
