"""GitHub: repositories, issues, pull requests, Actions, deployments, commits, releases and Spec Kit files, into
``ipai_bronze_devops``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from connectors.contract import Check, Client, SecretField, Source, Stream
from connectors.sources.github import git, streams
from connectors.sources.github.api import PUBLIC_API, TRIES, GitHub
from connectors.sources.github.checks import look
from connectors.sources.github.config import CONFIG, problems_of
from connectors.sources.github.login import Login, login_of
from connectors.sources.github.mapping import full_name
from connectors.sources.github.repositories import Directory
from connectors.sources.github.repository_stream import Repositories
from connectors.sources.github.stream import GitHubStream, Scope
from connectors.sources.github.webhook import GitHubWebhook

STREAMS: Sequence[type[GitHubStream]] = (
    Repositories,
    streams.Issues,
    streams.PullRequests,
    streams.PullRequestCommits,
    streams.Reviews,
    streams.Workflows,
    streams.WorkflowRuns,
    streams.WorkflowRunAttempts,
    streams.WorkflowJobs,
    streams.Deployments,
    streams.DeploymentStatuses,
    git.Commits,
    streams.Releases,
    git.SpecFiles,
    git.RepositoryTrees,
)


class GitHubSource(Source):
    """One connector reads the repositories of one owner, or a list of them, with one login."""

    key = "github"
    label = "GitHub"
    description = "Repositories, issues, pull requests, Actions, deployments, commits, releases and Spec Kit files."
    config_schema: ClassVar[Mapping[str, Any]] = CONFIG
    secrets = (
        SecretField("token", "Token"),
        SecretField("private_key", "Private key of the GitHub App"),
        SecretField("webhook_secret", "Webhook secret"),
    )
    webhook = GitHubWebhook()

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(config, secrets)
        self._login: Login | None = None

    def streams(self, client: Client) -> Sequence[Stream]:
        """One for each table; jobs only where they are asked for."""
        return [kind(self.github, self.directory(), self.scope()) for kind in self._chosen()]

    def github(self, client: Client, tries: int = TRIES) -> GitHub:
        """The API, for this client. All of them share one login."""
        self._login = self._login or login_of(self.config, self.secret)
        address = str(self.config.get("api_url") or client.defaults.get("GITHUB_API_URL") or PUBLIC_API)
        return GitHub(address, self._login, client, int(self.config.get("concurrency") or 4), tries)

    def directory(self) -> Directory:
        """Where the repositories are found."""
        config = self.config
        return Directory(
            str(config.get("owner") or ""),
            tuple(config.get("repositories") or ()),
            bool(config.get("include_archived", True)),
            bool(config.get("include_forks", False)),
        )

    def scope(self) -> Scope:
        """How much is read."""
        config = self.config
        return Scope(
            f"{config['since']}T00:00:00Z" if config.get("since") else None,
            int(config.get("deployment_days") or 90),
            int(config.get("page_size") or 100),
        )

    def check(self, client: Client) -> Iterator[Check]:
        """The server, the login and its rights, the repositories, what is left of the limit."""
        if problems := problems_of(self.config):
            yield Check("Settings", False, "; ".join(f"{name}: {text}" for name, text in problems.items()))
            return
        yield from look(self.github(client, tries=1), self.directory(), self._chosen())

    def _chosen(self) -> list[type[GitHubStream]]:
        return [kind for kind in STREAMS if kind is not streams.WorkflowJobs or self.config.get("jobs", True)]

    @classmethod
    def record_url(cls, config: Mapping[str, Any], stream: str, key: Mapping[str, Any]) -> str | None:
        """The record's page at GitHub: its ``html_url``, or a page of its repository, if the row or the config says which that is.

        Rows have their repository's id alone; ``_raw`` has its name in the addresses of the API. Files and trees keep no ``_raw``:
        theirs is known only where the connector reads a single repository.
        """
        if key.get("html_url"):
            return str(key["html_url"])
        names: Sequence[str] = config.get("repositories") or ()
        name = key.get("full_name") or full_name(key.get("_raw")) or (names[0] if len(names) == 1 else None)
        page = _PAGES.get(stream)
        if not name or page is None:
            return None
        try:
            return f"{_website(config)}/{name}{page.format(**{part: quote(str(value)) for part, value in key.items()})}"
        except KeyError:
            return None

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Mapping[str, str]:
        """An owner or repositories; an App with its installation; an address of a server."""
        return problems_of(config)


_PAGES = {
    "repositories": "",
    "issues": "/issues/{number}",
    "pull_requests": "/pull/{number}",
    "pull_request_commits": "/pull/{pull_request_number}/commits/{sha}",
    "reviews": "/pull/{pull_request_number}#pullrequestreview-{id}",
    "workflows": "/actions",
    "workflow_runs": "/actions/runs/{id}",
    "workflow_run_attempts": "/actions/runs/{run_id}/attempts/{run_attempt}",
    "workflow_jobs": "/actions/runs/{run_id}/job/{id}",
    "deployments": "/deployments/{environment}",
    "deployment_statuses": "/deployments/{environment}",
    "commits": "/commit/{sha}",
    "releases": "/releases",
    "spec_files": "/blob/HEAD/{path}",
    "repository_trees": "",
}


def _website(config: Mapping[str, Any]) -> str:
    """Where people look: the API of github.com has a name of its own, that of a server of one's own a path."""
    parts = urlsplit(str(config.get("api_url") or PUBLIC_API))
    return "https://github.com" if parts.hostname == "api.github.com" else f"{parts.scheme}://{parts.netloc}"
