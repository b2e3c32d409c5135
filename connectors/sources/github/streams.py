"""The streams, one for each table: which list they read, and what they fetch for each of its objects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from connectors.sources.github import fetch, records, tables
from connectors.sources.github.api import GitHub
from connectors.sources.github.fetch import Records
from connectors.sources.github.lists import Found, List, State, by_creation, by_page, by_update
from connectors.sources.github.repositories import Repository
from connectors.sources.github.stream import GitHubStream, Only, Scope, Step
from connectors.sources.github.tables import Row

RUNS_SETTLE = timedelta(days=36)
"""A run may be run again for 30 days, and its last attempt may wait and run for some more."""
Object = Mapping[str, Any]
Reader = Callable[[GitHub, Repository, State, Scope], Iterator[Found]]
"""Reads one list of a repository on from a state."""


def issues(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Issues, and the pull requests that GitHub lists among them."""
    return by_update(github, List(f"{repo.path}/issues", scope.page_size), state, scope.since)


def pulls(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Pull requests."""
    return by_update(github, List(f"{repo.path}/pulls", scope.page_size), state, scope.since)


def runs(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Workflow runs; those that may still change are looked at each time."""
    source = List(f"{repo.path}/actions/runs", scope.page_size, "workflow_runs")
    return by_creation(github, source, state, scope.since, RUNS_SETTLE)


def deployments(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Deployments; those of the last weeks are looked at each time."""
    source = List(f"{repo.path}/deployments", scope.page_size)
    return by_page(github, source, state, timedelta(days=scope.deployment_days), scope.since)


def workflows(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Workflows."""
    return by_page(github, List(f"{repo.path}/actions/workflows", scope.page_size, "workflows"), state, whole=True)


def releases(github: GitHub, repo: Repository, state: State, scope: Scope) -> Iterator[Found]:
    """Releases, drafts too where the token may see them."""
    return by_page(github, List(f"{repo.path}/releases", scope.page_size), state, whole=True)


class ListStream(GitHubStream):
    """The objects of a list themselves."""

    reader: Reader
    record: Callable[[Object, int], Row]

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """Each page."""
        for found in self.reader(github, repo, state, self.scope):
            batch = Records()
            for item in filter(self.wanted, found.items):
                batch.add(self.record(item, repo.id), item)
            yield Step(batch, found.state)

    def wanted(self, item: Object) -> bool:
        """Whether the object belongs to the table."""
        return True


class ChildStream(GitHubStream):
    """What must be asked for with each object of a list: read when the object is new or was updated."""

    batch_size = 2_000
    reader: Reader

    def look(self, github: GitHub, repo: Repository, state: State) -> Iterator[Step]:
        """Each page of the list, with what belongs to the objects on it."""
        read: dict[int, str] = {}
        for found in self.reader(github, repo, state, self.scope):
            parents = [item for item in found.items if self.wanted(item) and read.get(item["id"]) != item["updated_at"]]
            parents = [item for item in parents if found.floor is None or item["updated_at"] >= found.floor]
            read.update((item["id"], item["updated_at"]) for item in parents)
            batch = Records()
            for part in github.map(lambda item: self.fetch(github, repo, item), parents):
                batch.extend(part)
            yield Step(batch, found.state, self.only(repo, parents, batch))

    @abstractmethod
    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        """What belongs to the object."""

    def wanted(self, item: Object) -> bool:
        """Whether anything belongs to this object."""
        return True

    def only(self, repo: Repository, parents: list[dict[str, Any]], batch: Records) -> Only | None:
        """What the objects have no longer, where that can happen."""
        return None


class Issues(ListStream):
    """Issues without pull requests."""

    table, permission = tables.ISSUES, "Issues"
    reader, record = staticmethod(issues), staticmethod(records.issue)

    def wanted(self, item: Object) -> bool:
        return not records.is_pull_request(item)


class PullRequests(ListStream):
    """Pull requests."""

    table, permission = tables.PULL_REQUESTS, "Pull requests"
    reader, record = staticmethod(pulls), staticmethod(records.pull_request)


class PullRequestCommits(ChildStream):
    """Commits of pull requests; one that was pushed away is gone."""

    table, permission = tables.PULL_REQUEST_COMMITS, "Pull requests"
    reader = staticmethod(pulls)

    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        return fetch.pull_request_commits(github, repo, item["number"])

    def only(self, repo: Repository, parents: list[dict[str, Any]], batch: Records) -> Only | None:
        if not parents:
            return None
        values = [(repo.id, item["number"]) for item in parents]
        return Only(("repository_id", "pull_request_number"), values, frozenset(map(self.table.key_of, batch.rows)))


class Reviews(ChildStream):
    """Reviews of pull requests."""

    table, permission = tables.REVIEWS, "Pull requests"
    reader = staticmethod(pulls)

    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        return fetch.reviews(github, repo, item["number"])


class Workflows(ListStream):
    """Workflows."""

    table, permission, whole = tables.WORKFLOWS, "Actions", True
    reader, record = staticmethod(workflows), staticmethod(records.workflow)


class WorkflowRuns(ListStream):
    """Runs in their latest attempt."""

    table, permission = tables.WORKFLOW_RUNS, "Actions"
    reader, record = staticmethod(runs), staticmethod(records.workflow_run)


class WorkflowRunAttempts(ChildStream):
    """The earlier attempts of runs that were run again."""

    table, permission = tables.WORKFLOW_RUN_ATTEMPTS, "Actions"
    reader = staticmethod(runs)

    def wanted(self, item: Object) -> bool:
        return int(item.get("run_attempt") or 1) > 1

    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        return fetch.earlier_attempts(github, repo, item["id"], item["run_attempt"])


class WorkflowJobs(ChildStream):
    """Jobs of all attempts: one request for each run."""

    table, permission = tables.WORKFLOW_JOBS, "Actions"
    reader = staticmethod(runs)

    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        return fetch.workflow_jobs(github, repo, item["id"])


class Deployments(ListStream):
    """Deployments."""

    table, permission = tables.DEPLOYMENTS, "Deployments"
    reader, record = staticmethod(deployments), staticmethod(records.deployment)


class DeploymentStatuses(ChildStream):
    """Statuses of deployments: one request for each deployment."""

    table, permission = tables.DEPLOYMENT_STATUSES, "Deployments"
    reader = staticmethod(deployments)

    def fetch(self, github: GitHub, repo: Repository, item: Object) -> Records:
        return fetch.deployment_statuses(github, repo, item["id"])


class Releases(ListStream):
    """Releases."""

    table, permission, whole = tables.RELEASES, "Contents", True
    reader, record = staticmethod(releases), staticmethod(records.release)
