"""After a stream was read: compare what is loaded with the source's totals, repair what differs, fail when that does not help."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.contract import Emitted, Proof, StopStream
from connectors.engine.context import StreamContext

ATTEMPTS = 5
"""Comparisons at most: rows that somebody changes meanwhile differ once, and are read again."""
PAUSE_SECONDS = 0.5
"""Before the third comparison; twice as long before each later one."""
MOST_SHOWN = 50
"""Differences that are kept with the run."""

Take = Callable[[Callable[[], Iterator[Emitted]]], None]


def prove(context: StreamContext, take: Take) -> None:
    """Compare, repair, compare again. ``take`` commits what the repair reads. Raises StopStream when a difference stays."""
    context.progress.phase = "proving"
    repaired: list[dict[str, Any]] = []
    for attempt in range(1, ATTEMPTS + 1):
        with context.timed("prove"):
            found = context.stream.prove(context.client)
        if found is None:
            return
        proof = found
        context.proof = _report(proof, attempt, repaired)
        for warning in proof.warnings:
            context.log.warning("%s", warning)
        if proof.ok:
            return
        if proof.moving and attempt == ATTEMPTS:
            _accept(context, proof)
            return
        context.log.warning("Compared with %s: %s; reading %d records again", proof.authority, words(proof), len(proof.suspects))
        if attempt == ATTEMPTS:
            break
        repaired = [*repaired, *map(dict, proof.differences)][:MOST_SHOWN]
        _pause(context, attempt)
        take(partial(context.stream.repair, context.client, proof))
        context.progress.phase = "proving"
    raise StopStream(f"What is loaded does not equal {proof.authority} after {ATTEMPTS} tries: {words(proof)}")


def _accept(context: StreamContext, proof: Proof) -> None:
    """People work faster than their changes can be read: say which records are not the newest, and that all others agree."""
    assert context.proof is not None
    said = f"While it was compared, records kept changing at the source, and the next run reads them: {words(proof)}"
    context.proof |= {"ok": True, "differences": [], "warnings": [*proof.warnings, said]}
    context.log.warning("%s", said)


def words(proof: Proof) -> str:
    """The first differences in one line."""
    shown = [str(difference.get("what", difference)) for difference in proof.differences[:3]]
    more = len(proof.differences) - len(shown)
    return "; ".join(shown) + (f" and {more} more" if more > 0 else "")


def _report(proof: Proof, attempt: int, repaired: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "ok": proof.ok,
        "checked": proof.checked,
        "records": proof.records,
        "unproven": list(proof.unproven),
        "warnings": list(proof.warnings),
        "differences": [dict(difference) for difference in proof.differences[:MOST_SHOWN]],
        "repaired": repaired,
        "attempts": attempt,
        "authority": proof.authority,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _pause(context: StreamContext, attempt: int) -> None:
    until = time.monotonic() + (PAUSE_SECONDS * 2 ** (attempt - 2) if attempt > 1 else 0)
    while True:
        context.check_stop()
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.2))
