"""The band on top of each page: whether its figures were proven, when, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from finance.proof import words
from ipai.clock import now

OLD = timedelta(hours=24)
"""How long a comparison with Odoo stands before the band says that it is old."""
BEHIND = "up_to_date"


def band(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``tone`` ok, late (not proven, or long ago) or bad (a gate is broken), what to say, and all gates with their states."""
    proofs = [entry["proof"] for entry in entries]
    gates = _once(gate for proof in proofs for gate in [*proof["gates"], *proof["checks"]])
    times = [proof["proven_at"] for proof in proofs]
    proven = min(map(datetime.fromisoformat, times)) if times and all(times) else None
    broken = [gate for gate in gates if gate["holds"] is False and gate["gate"] != BEHIND]
    behind = [gate for gate in gates if gate["holds"] is False and gate["gate"] == BEHIND]
    old = proven is not None and now() - proven > OLD
    return {
        "tone": "bad" if broken else "late" if behind or old or proven is None else "ok",
        "broken": [words(gate) for gate in broken],
        "behind": [words(gate) for gate in behind],
        "old": old,
        "proven_at": proven,
        "holding": len({gate["gate"] for gate in gates} - {gate["gate"] for gate in gates if not gate["holds"]} - {"ledger"}),
        "gates": gates,
    }


def _once(gates: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each gate of a connector and company once; a broken one rather than one that holds."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for gate in gates:
        key = (gate["gate"], gate.get("connector"), gate.get("company_id"), gate["holds"])
        found.setdefault(key, gate | {"at": datetime.fromisoformat(gate["proven_at"]) if gate.get("proven_at") else None})
    return list(found.values())
