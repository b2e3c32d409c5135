"""Deployments: which succeeded in production, which failed there, what repaired them, which were repairs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from devops.gold.changes import Shipment, note
from devops.gold.history import History

PRODUCTION = ("production", "prod")
REPAIRS = ("hotfix", "rollback")
NAMED = re.compile(r"deployments?[ /](\d{1,18})")
INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class Incident:
    """An issue labelled ``incident``."""

    number: int
    title: str
    body: str
    opened_at: datetime
    closed_at: datetime | None
    html_url: str

    @property
    def named(self) -> list[int]:
        """The deployments that its text names, each once, in the order of the text."""
        return list(dict.fromkeys(int(number) for number in NAMED.findall(self.body)))


@dataclass(slots=True)
class Deployment:
    """One deployment with its statuses ``(state, when)`` in the order they were posted, and what :func:`judge` makes of it."""

    id: int
    sha: str
    ref: str
    environment: str
    created_at: datetime
    payload: Any = None
    creator: str = ""
    description: str = ""
    url: str = ""
    statuses: Sequence[tuple[str, datetime]] = ()
    incidents: list[int] = field(default_factory=list)
    failed_by: str | None = None
    """incident or rollback"""
    recovered_at: datetime | None = None
    rolled_back_by: int | None = None
    rework_by: str | None = None
    """payload, ref or ancestry"""
    notes: list[dict[str, str]] = field(default_factory=list)

    @property
    def production(self) -> bool:
        return self.environment.lower() in PRODUCTION

    @property
    def succeeded_at(self) -> datetime | None:
        return min((at for state, at in self.statuses if state == "success"), default=None)

    @property
    def recovery_seconds(self) -> int | None:
        if self.recovered_at is None or self.succeeded_at is None:
            return None
        return round((self.recovered_at - self.succeeded_at).total_seconds())

    def add_note(self, metric: str, kind: str, reason: str) -> None:
        self.notes.append(note(metric, kind, reason))


def shipped(deployments: Iterable[Deployment]) -> list[Deployment]:
    """The successful production deployments in the order of their success."""
    found = [(one.succeeded_at, one.id, one) for one in deployments if one.production and one.succeeded_at]
    return [one for *_, one in sorted(found, key=lambda item: item[:2])]


def shipments(deployments: Iterable[Deployment]) -> list[Shipment]:
    """The same, as what changes are traced to."""
    return [Shipment(one.id, one.sha, one.succeeded_at) for one in shipped(deployments) if one.succeeded_at]


def judge(history: History, deployments: Sequence[Deployment], incidents: Iterable[Incident]) -> None:
    """Find what failed in production, when it was repaired, and which deployments were unplanned repairs."""
    good = shipped(deployments)
    named: dict[int, list[Incident]] = {}
    for incident in sorted(incidents, key=lambda incident: incident.number):
        for number in incident.named:
            named.setdefault(number, []).append(incident)
    for index, one in enumerate(good):
        after = good[index + 1] if index + 1 < len(good) else None
        rolled = after if after and history.is_ancestor(after.sha, one.sha) else None
        _failure(one, rolled, named.get(one.id, []))
        _repair(one)
        if rolled:
            one.rolled_back_by = rolled.id
            rolled.rework_by = "ancestry"
    for one in good:
        if one.rework_by == "ancestry":
            one.add_note("deployment_rework_rate", "inferred", "its commit is older than the one deployed before it: a rollback")
        if one.sha not in history:
            one.add_note("change_lead_time", "excluded", "its commit is not in the loaded history: no change is traced to it")
    for one in deployments:
        if one.production and one.succeeded_at is None:
            last = one.statuses[-1][0] if one.statuses else "no status"
            one.add_note("deployment_frequency", "excluded", f"never succeeded (last: {last})")
    if good:
        good[0].add_note("deployment_rework_rate", "inferred", "the first one: nothing before it that it could roll back")


def _failure(one: Deployment, rolled: Deployment | None, incidents: Sequence[Incident]) -> None:
    one.incidents = [incident.number for incident in incidents]
    if incidents:
        one.failed_by, one.recovered_at = "incident", incidents[0].closed_at
        if one.recovered_at is None:
            reason = f"incident #{incidents[0].number} is open: not recovered yet"
            one.add_note("failed_deployment_recovery_time", "excluded", reason)
    elif rolled:
        one.failed_by, one.recovered_at = "rollback", rolled.succeeded_at
        one.add_note("change_fail_rate", "inferred", f"deployment {rolled.id} rolled it back; no incident names it")


def _repair(one: Deployment) -> None:
    if payload_kind(one.payload) in REPAIRS:
        one.rework_by = "payload"
    elif one.ref.startswith("hotfix/"):
        one.rework_by = "ref"


def payload_kind(payload: Any) -> str | None:
    """``kind`` of a deployment's payload, which people send as an object or as its JSON text."""
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            return None
    kind = payload.get("kind") if isinstance(payload, dict) else None
    return kind if isinstance(kind, str) else None
