"""Changes: which commits people made, where they landed on the default branch, and when they first ran in production."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from devops.gold.history import Commit, History


@dataclass(frozen=True, slots=True)
class Pull:
    """A merged pull request with its own commits, oldest first."""

    number: int
    merged_at: datetime
    merge_sha: str | None
    commits: Sequence[Commit]


@dataclass(frozen=True, slots=True)
class Shipment:
    """A successful production deployment."""

    id: int
    sha: str
    at: datetime


@dataclass(slots=True)
class Change:
    """One commit that somebody made. ``landed_sha`` is where it is on the default branch; ``shipment`` what first brought it."""

    commit: Commit
    landed_sha: str
    method: str
    """merge, squash, rebase, direct or unknown"""
    pull_number: int | None = None
    shipment: Shipment | None = None

    @property
    def lead_seconds(self) -> int | None:
        """From the author's date to the first success in production."""
        if self.shipment is None or self.commit.authored_at is None:
            return None
        return round((self.shipment.at - self.commit.authored_at).total_seconds())

    @property
    def notes(self) -> list[dict[str, str]]:
        """Why it is left out, or what was inferred about it."""
        found = []
        if self.shipment is None:
            found.append(note("change_lead_time", "excluded", "no successful production deployment has it yet"))
        if self.method == "rebase":
            found.append(note("change_lead_time", "inferred", f"landed as {self.landed_sha[:7]} by a rebase: equal messages"))
        if self.method == "unknown":
            why = f"pull request #{self.pull_number} has a merge commit that is not in the loaded history"
            found.append(note("change_lead_time", "inferred", f"{why}: only the original commit is looked for"))
        return found


def note(metric: str, kind: str, reason: str) -> dict[str, str]:
    """One line of what a figure leaves out (``excluded``) or takes for granted (``inferred``)."""
    return {"metric": metric, "kind": kind, "reason": reason}


def landed(history: History, pull: Pull) -> tuple[str, dict[str, str]]:
    """How a pull request was merged, and for each original sha the sha on the default branch."""
    own = [commit.sha for commit in pull.commits]
    if pull.merge_sha not in history:
        return "unknown", {sha: sha for sha in own}
    tip = history[pull.merge_sha or ""]
    if len(tip.parents) > 1:
        return "merge", {sha: sha for sha in own}
    line = history.line(tip.sha, len(own))
    if [commit.message for commit in line] == [commit.message for commit in pull.commits]:
        return ("rebase" if own != [commit.sha for commit in line] else "merge"), {
            sha: commit.sha for sha, commit in zip(own, line, strict=True)
        }
    return "squash", dict.fromkeys(own, tip.sha)


def find_changes(history: History, pulls: Iterable[Pull], on_default: Iterable[str]) -> list[Change]:
    """Every change: commits of merged pull requests, and commits on the default branch that none of them brought.

    Of the latter, merge commits and commits without a parent (where the history begins) are no changes. A commit that
    several pull requests list is one change, of the one that was merged first.
    """
    changes: dict[str, Change] = {}
    brought: set[str] = set()
    for pull in sorted(pulls, key=lambda pull: (pull.merged_at, pull.number)):
        if not pull.commits:  # not loaded: what the merge put on the default branch stands for them
            continue
        method, places = landed(history, pull)
        brought.update(places.values(), [pull.merge_sha or ""])
        for commit in pull.commits:
            changes.setdefault(commit.sha, Change(commit, places[commit.sha], method, pull.number))
    for sha in on_default:
        commit = history[sha]
        if len(commit.parents) == 1 and sha not in brought and sha not in changes:
            changes[sha] = Change(commit, sha, "direct")
    return list(changes.values())


def trace(history: History, changes: Iterable[Change], shipments: Iterable[Shipment]) -> None:
    """Give each change the first shipment whose commit is, or descends from, the landed or the original commit."""
    reached: dict[str, tuple[datetime, int, Shipment]] = {}
    seen: set[str] = set()
    for shipment in sorted(shipments, key=lambda shipment: (shipment.at, shipment.id)):
        for sha in history.reach(shipment.sha, seen):
            reached[sha] = (shipment.at, shipment.id, shipment)
    for change in changes:
        found = [reached[sha] for sha in {change.commit.sha, change.landed_sha} if sha in reached]
        change.shipment = min(found, key=lambda one: one[:2])[2] if found else None
