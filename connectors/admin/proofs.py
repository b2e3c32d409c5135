"""Whether what is loaded equals its source, connector by connector: the dashboard's line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from connectors import contract
from connectors.admin.queries import Line
from connectors.models import ConnectorConfig, ConnectorRun, Status
from connectors.queries import proof_of, proven_runs


@dataclass(slots=True)
class Standing:
    """How a connector stands with its source. ``state`` is equal, gaps, old, since (the last run failed), differs or never."""

    connector: ConnectorConfig
    source: str
    state: str
    proof: dict[str, Any] | None
    said: str = ""
    """What is wrong, in one line."""

    @property
    def largest(self) -> tuple[str, int] | None:
        """The stream with the most records and how many it has; None for a proof that did not count them."""
        counted = {name: one["records"] for name, one in (self.proof or {}).get("streams", {}).items() if one.get("records")}
        return max(counted.items(), key=lambda pair: pair[1]) if counted else None


def standings(lines: Sequence[Line]) -> list[Standing]:
    """Those of these connectors whose source can be compared with, the ones that need a person first."""
    labels = {key: source.label for key, source in contract.sources().items() if source.proves}
    found = {line.connector.pk: line.connector for line in lines if line.connector.connector_type in labels}
    if not found:
        return []
    proven = proven_runs().filter(connector=OuterRef("pk")).order_by("-queued_at", "-id").values("pk")
    newest = list(
        ConnectorConfig.objects.filter(pk__in=found).values_list(
            "pk", Subquery(proven.filter(only_streams=[])[:1]), Subquery(proven[:1])
        )
    )
    runs = ConnectorRun.objects.in_bulk([run for _, *both in newest for run in both if run])
    made = [_standing(found[key], labels, runs.get(whole), runs.get(last)) for key, whole, last in newest]
    return sorted(made, key=lambda one: (one.state == "equal", one.state != "differs", one.connector.name))


def _standing(connector: Any, labels: dict[str, str], whole: ConnectorRun | None, last: ConnectorRun | None) -> Standing:
    """The newest proof of all streams counts, unless a later one of some streams found a difference."""
    shown = last if last and last.metadata["proof"]["ok"] is False else whole
    proof = proof_of(shown) if shown else None
    state, said = _state(connector, proof)
    return Standing(connector, labels[connector.connector_type], state, proof, said)


def _state(connector: Any, proof: dict[str, Any] | None) -> tuple[str, str]:
    if proof is None:
        return "never", "No run has compared all of its tables with the source yet"
    if proof["ok"] is False:
        first, *more = [str(one.get("what", one)) for one in proof["differences"]] or ["a difference that was not kept"]
        return "differs", first + (f" and {len(more)} more" if more else "")
    if connector.last_status == Status.FAILED and connector.last_run_id != proof["run_id"]:
        return "since", "The last run has failed since then"
    if timezone.now() - proof["at_time"] > timedelta(minutes=connector.freshness_target_minutes):
        return "old", "That is longer ago than the data may be old"
    if proof["ok"] is None:
        return "gaps", f"Not compared with the source: {', '.join(proof['uncompared'])}"
    if proof.get("warnings"):
        first, *more = proof["warnings"]
        return "gaps", first + (f" (and {len(more)} more)" if more else "")
    return "equal", ""
