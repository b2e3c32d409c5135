"""What an answer says about itself: when its figures were last proven, which gates hold, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

from finance.definitions import GATES
from finance.scope import Group

STORED = """
SELECT coalesce(config.name, ''), g.gate, g.company_id, g.holds, g.difference, g.detail, g.proven_at
FROM ipai_gold_erp.gates AS g
LEFT JOIN public.ipai_connector_config AS config ON config.id = g._connector_id
WHERE g._connector_id = ANY (%(connectors)s)
  AND (g.company_id = 0
       OR (g._connector_id, g.company_id) IN (SELECT * FROM unnest(%(connectors)s::uuid[], %(companies)s::bigint[])))
UNION ALL
SELECT coalesce(config.name, ''), 'up_to_date', 0, newer.ended_at IS NULL, NULL,
       CASE WHEN newer.ended_at IS NOT NULL THEN 'a run has ended since the figures were made' ELSE '' END, r.refreshed_at
FROM ipai_gold_erp.refreshes AS r
LEFT JOIN public.ipai_connector_config AS config ON config.id = r._connector_id
LEFT JOIN LATERAL (
    SELECT ended_at FROM public.ipai_connector_run AS run
    WHERE run.connector_id = r._connector_id AND run.ended_at > r.refreshed_at LIMIT 1
) AS newer ON true
WHERE r._connector_id = ANY (%(connectors)s)
"""


def proof(cursor: CursorWrapper, group: Group, checks: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The gates of these companies and the answer's own ``checks``.

    ``proven_at`` is when bronze was last compared with Odoo, of the connector where that is longest ago; None: never.
    """
    cursor.execute(STORED, group.keys)
    gates = []
    for connector, gate, company, holds, difference, detail, at in cursor.fetchall():
        gates.append(
            {"gate": gate, "what": GATES[gate], "connector": connector, "company_id": company or None, "holds": holds}
            | {"difference": difference, "detail": detail, "proven_at": at.isoformat() if at else None}
        )
    gates.sort(key=lambda gate: (list(GATES).index(gate["gate"]), gate["connector"], gate["company_id"] or 0))
    own = [{**check, "what": GATES[check["gate"]]} for check in checks]
    failed = [gate for gate in [*gates, *own] if not gate["holds"]]
    ledger = [gate["proven_at"] for gate in gates if gate["gate"] == "ledger"]
    return {
        "ok": bool(gates) and not failed,
        "proven_at": min(ledger) if ledger and all(ledger) else None,
        "gates": gates,
        "checks": own,
        "differs": [words(gate) for gate in failed],
    }


def words(gate: dict[str, Any]) -> str:
    """What is wrong, in one line."""
    where = gate.get("connector") or ""
    if gate["holds"] is None:
        return f"{gate['what']}: never compared{f' ({where})' if where else ''}"
    found = gate.get("detail") or (f"differs by {gate['difference']}" if gate["difference"] is not None else "differs")
    return f"Not so: {gate['what']}{f' ({where})' if where else ''}: {found}"
