"""What GitHub's webhooks say, as rows of the same tables that reads fill. See :mod:`connectors.webhook`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.contract import Emitted, Page, Source, Stream
from connectors.sources.github import records
from connectors.sources.github.fetch import raw
from connectors.sources.github.tables import TABLES, Row
from connectors.webhook import Envelope, Said, Told

Object = Mapping[str, Any]
NOTHING = "it changes nothing that is kept"


@dataclass(frozen=True, slots=True)
class Lack:
    """What a payload leaves out of a repository: ``what`` names it, ``key`` says of what (a number, an id, two shas)."""

    what: str
    repository_id: int
    repository: str
    default_branch: str
    key: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One payload with what every reader of it needs."""

    action: str
    payload: Object
    repository: Object

    @property
    def repository_id(self) -> int:
        """GitHub's id of the repository."""
        return int(self.repository["id"])

    def lack(self, what: str, *key: Any) -> Lack:
        """Something of this repository that must be fetched."""
        branch = str(self.repository.get("default_branch") or "main")
        return Lack(what, self.repository_id, str(self.repository["full_name"]), branch, key)

    def said(self, stream: str, row: Row, item: Object, lost: bool = False) -> Said:
        """A row with its raw object."""
        return Said(stream, row, raw(item), lost)


def told(source: Source, envelope: Envelope, known: Collection[int]) -> Told:
    """What a delivery says to this connector. Raises anything for a payload that is not what its event should be."""
    reader = READERS.get(envelope.event)
    if envelope.event == "ping":
        return Told(ignored="GitHub's greeting: the webhook works")
    payload = msgspec.json.decode(envelope.payload)
    repository = payload.get("repository")
    if reader is None or not repository:
        return Told(ignored=f"The event {envelope.event} is not read")
    event = Event(str(payload.get("action") or ""), payload, repository)
    if not in_scope(source.config, repository, known):
        if event.repository_id in known and envelope.event == "repository":
            return _gone(event)
        return Told(ignored=f"{repository.get('full_name')} is not one of the connector's repositories")
    return reader(event)


def in_scope(config: Mapping[str, Any], repository: Object, known: Collection[int]) -> bool:
    """Whether the connector reads this repository; one of a list is known by its id once it was loaded, whatever its name."""
    owner, listed = config.get("owner"), config.get("repositories")
    if listed:
        names = {str(name).lower() for name in listed}
        return str(repository["full_name"]).lower() in names or repository["id"] in known
    if str((repository.get("owner") or {}).get("login", "")).lower() != str(owner).lower():
        return False
    left_out = (repository.get("fork") and not config.get("include_forks", False)) or (
        repository.get("archived") and not config.get("include_archived", True)
    )
    return not left_out


def emitted(stream: Stream, states: Sequence[Said]) -> Iterator[Emitted]:
    """States of one stream as the page that a read would yield."""
    if states:
        yield Page(TABLES[stream.name].batch([dict(one.row) for one in states], [one.raw for one in states]))


def _issue(event: Event) -> Told:
    issue = event.payload["issue"]
    if records.is_pull_request(issue):
        return Told(ignored=NOTHING)
    lost = event.action in ("deleted", "transferred") and "comment" not in event.payload
    lacks = []
    if "closed_by" not in issue and issue.get("state") == "closed":  # GitHub leaves it out of payloads
        issue = {**issue, "closed_by": event.payload.get("sender")} if event.action == "closed" else issue
        lacks = [] if event.action == "closed" or lost else [event.lack("issue", issue["number"])]
    row = records.issue(issue, event.repository_id)
    said = [] if lacks else [event.said("issues", row, issue, lost)]
    return Told(said, lacks, _moment(issue.get("updated_at")))


def _pull_request(event: Event) -> Told:
    pull = event.payload["pull_request"]
    said = [event.said("pull_requests", records.pull_request(pull, event.repository_id), pull)]
    with_commits = event.action in ("opened", "reopened", "synchronize", "edited", "closed")
    lacks = [event.lack("pull_request_commits", pull["number"])] if with_commits else []
    return Told(said, lacks, _moment(pull.get("updated_at")))


def _review(event: Event) -> Told:
    review, pull = event.payload["review"], event.payload["pull_request"]
    said = [event.said("reviews", records.review(review, event.repository_id, pull["number"]), review)]
    said += [event.said("pull_requests", records.pull_request(pull, event.repository_id), pull)] if "merged_at" in pull else []
    return Told(said, (), _moment(review.get("submitted_at")))


def _push(event: Event) -> Told:
    branch, payload = event.repository.get("default_branch"), event.payload
    said = [event.said("repositories", records.repository(event.repository), event.repository)]
    happened_at = _moment(event.repository.get("pushed_at"))
    if payload.get("ref") != f"refs/heads/{branch}" or payload.get("deleted"):
        return Told(said, (), happened_at)
    forced = bool(payload.get("forced"))
    return Told(said, [event.lack("commits", payload["before"], payload["after"], forced), event.lack("files")], happened_at)


def _workflow_run(event: Event) -> Told:
    run, workflow = event.payload["workflow_run"], event.payload.get("workflow")
    said = [event.said("workflow_runs", records.workflow_run(run, event.repository_id), run)]
    if workflow:
        said.append(event.said("workflows", records.workflow(workflow, event.repository_id), workflow))
    again = (run.get("run_attempt") or 1) > 1
    lacks = [event.lack("workflow_run_attempts", run["id"], run["run_attempt"])] if again and event.action != "in_progress" else []
    return Told(said, lacks, _moment(run.get("updated_at")))


def _workflow_job(event: Event) -> Told:
    job = event.payload["workflow_job"]
    row = records.workflow_job(job, event.repository_id)
    happened_at = job.get("completed_at") or job.get("started_at") or job.get("created_at")
    return Told([event.said("workflow_jobs", row, job)], (), _moment(happened_at))


def _deployment(event: Event) -> Told:
    deployment, status = event.payload["deployment"], event.payload.get("deployment_status")
    said = [event.said("deployments", records.deployment(deployment, event.repository_id), deployment)]
    if status:
        row = records.deployment_status(status, event.repository_id, deployment["id"])
        said.append(event.said("deployment_statuses", row, status))
    return Told(said, (), _moment((status or deployment).get("updated_at")))


def _release(event: Event) -> Told:
    release = event.payload["release"]
    row = records.release(release, event.repository_id)
    happened_at = release.get("updated_at") or release.get("published_at") or release.get("created_at")
    return Told([event.said("releases", row, release, event.action == "deleted")], (), _moment(happened_at))


def _repository(event: Event) -> Told:
    if event.action == "deleted":
        return _gone(event)
    row = records.repository(event.repository)
    return Told([event.said("repositories", row, event.repository)], (), _moment(event.repository.get("updated_at")))


def _gone(event: Event) -> Told:
    """The repository was deleted, or went to somebody whose repositories the connector does not read."""
    row = records.repository(event.repository)
    return Told([event.said("repositories", row, event.repository, lost=True)], (), _moment(event.repository.get("updated_at")))


READERS: Mapping[str, Callable[[Event], Told]] = {
    "issues": _issue,
    "issue_comment": _issue,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "push": _push,
    "workflow_run": _workflow_run,
    "workflow_job": _workflow_job,
    "deployment": _deployment,
    "deployment_status": _deployment,
    "release": _release,
    "repository": _repository,
}


def _moment(value: Any) -> datetime | None:
    """A payload's time; pushes give seconds since 1970."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value) if value else None
