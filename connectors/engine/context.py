"""What one stream of one run works with: identity, lease, counts, progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from connectors.contract import Client, Stream, SyncMode
from connectors.engine.errors import Cancelled, EngineError, LeaseLost

FENCE = "SELECT 1 FROM ipai_connector_run_stream WHERE id = %s AND lease_token = %s FOR UPDATE"


@dataclass(slots=True)
class Progress:
    """Where the stream is; written by the engine, read by the heartbeat's thread."""

    phase: str = "starting"
    rows: int = 0
    bytes: int = 0
    bytes_total: int | None = None
    part: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``ipai_connector_run_stream.progress``."""
        return asdict(self)


@dataclass(slots=True)
class Counts:
    """Records of one stream by what became of them. ``deleted`` counts rows of the table, apart from the records read."""

    read: int = 0
    written: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    deduplicated: int = 0

    def check(self) -> None:
        """Raise EngineError unless every record read is accounted for once."""
        settled = self.written + self.updated + self.unchanged + self.rejected + self.deduplicated
        if self.read != settled:
            raise EngineError(
                f"Read {self.read} records but {settled} are accounted for ({self.written} written, {self.updated} updated,"
                f" {self.unchanged} unchanged, {self.rejected} rejected, {self.deduplicated} deduplicated): nothing more was loaded"
            )

    def add(self, other: Counts) -> None:
        """Add what another transaction did."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(slots=True)
class StreamContext:
    """One leased stream. ``stream`` is set before the engine starts; ``counts`` and ``report`` are what it leaves."""

    connector_id: UUID
    tenant_id: UUID
    run_id: UUID
    run_stream_id: int
    lease_token: UUID
    mode: SyncMode
    client: Client
    log: logging.Logger
    progress: Progress
    stopping: Callable[[], bool] = lambda: False
    stream: Stream = field(default=None)  # type: ignore[assignment]  # set once the source has named its streams
    counts: Counts = field(default_factory=Counts)
    schema_changes: list[str] = field(default_factory=list)
    discarded_values: int = 0
    warned: set[str] = field(default_factory=set)
    settling: bool = False
    """The stream was read; it is only compared with its source once more."""
    proof: dict[str, Any] | None = None
    """How the last comparison with the source went, as it is kept with the run."""
    seconds: dict[str, float] = field(default_factory=lambda: {"extract": 0.0, "load": 0.0, "prove": 0.0})

    def fence(self, cursor: psycopg.Cursor[Any]) -> None:
        """Lock the stream's row until the commit; LeaseLost when the lease is no longer ours."""
        cursor.execute(FENCE, [self.run_stream_id, self.lease_token])
        if cursor.fetchone() is None:
            raise LeaseLost

    def check_stop(self) -> None:
        """Raise Cancelled when the stream must end: the run was cancelled, or the lease is lost."""
        if self.stopping():
            raise Cancelled

    def metadata(self) -> dict[str, Any]:
        """What ``ipai_connector_run_stream.metadata`` says of the load."""
        if self.settling:
            return {"proof": self.proof}
        return {
            "schema_changes": self.schema_changes,
            "discarded_values": self.discarded_values,
            "proof": self.proof,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def warn_once(self, message: str) -> None:
        """Warn of what each batch would say again."""
        if message not in self.warned:
            self.warned.add(message)
            self.log.warning("%s", message)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the wall seconds of the block to ``phase`` (extract, load or prove)."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start
