"""The lease on a stream: one worker at a time, and a worker that stops breathing loses it.

The heartbeat runs in its own thread with its own database connection, because the stream's connection is busy
inside a COPY. It extends the lease, writes progress, flushes the run's log and reads the cancel flag.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, connection

from connectors.engine.process import this_process
from connectors.models import RunLog
from ipai.vault.redaction import redact

if TYPE_CHECKING:
    from connectors.engine.context import Progress

BEAT_SECONDS = 1.0
log = logging.getLogger(__name__)

CLAIM = """
UPDATE ipai_connector_run_stream s
   SET status = 'running', lease_token = %s, lease_owner = %s, started_at = coalesce(s.started_at, clock_timestamp()),
       lease_expires_at = clock_timestamp() + make_interval(secs => %s)
  FROM ipai_connector_run r
 WHERE s.id = %s AND s.status = 'queued' AND r.id = s.run_id AND r.status = 'running' AND NOT r.cancel_requested
RETURNING s.id
"""
EXTEND = """
UPDATE ipai_connector_run_stream s
   SET lease_expires_at = clock_timestamp() + make_interval(secs => %s), progress = %s, rows_read = %s
  FROM ipai_connector_run r
 WHERE s.id = %s AND s.lease_token = %s AND s.status = 'running' AND r.id = s.run_id
RETURNING r.cancel_requested
"""


def claim(run_stream_id: int) -> UUID | None:
    """Take the stream; None when another worker has it, it has ended or its run was cancelled."""
    token = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [token, this_process(), settings.IPAI_LEASE_SECONDS, run_stream_id])
        return token if cursor.fetchone() else None


class RunLogHandler(logging.Handler):
    """Collects log lines of a run, without its secrets, until the heartbeat writes them to ``ipai_run_log``."""

    LIMIT = 5_000
    MOST_WARNINGS = 20

    def __init__(self, run_id: UUID, stream: str, secrets: Collection[str]) -> None:
        super().__init__(logging.INFO)
        self.run_id, self.stream, self.secrets = run_id, stream, tuple(secrets)
        self.warnings: list[str] = []
        """The first warnings, for whoever does not read the log."""
        self._waiting: list[RunLog] = []
        self._seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._seen += 1
        if self._seen > self.LIMIT and record.levelno < logging.WARNING:
            return
        message = redact(record.getMessage(), self.secrets)[:4_000].replace("\x00", "\\x00")
        if record.levelno == logging.WARNING and message not in self.warnings and len(self.warnings) < self.MOST_WARNINGS:
            self.warnings.append(message)
        self._waiting.append(RunLog(run_id=self.run_id, stream=self.stream, level=record.levelname.lower(), message=message))

    def write(self) -> None:
        """Store what waits; lines that cannot be stored now are kept for the next time."""
        lines, self._waiting = self._waiting, []
        try:
            RunLog.objects.bulk_create(lines)
        except DatabaseError:
            self._waiting = lines + self._waiting
            raise


class Heartbeat(threading.Thread):
    """Keeps the lease of one stream alive. ``lost`` and ``cancelled`` tell the stream to stop."""

    def __init__(self, run_stream_id: int, token: UUID, progress: Progress, lines: RunLogHandler) -> None:
        super().__init__(name=f"heartbeat-{run_stream_id}", daemon=True)
        self.run_stream_id, self.token, self.progress, self.lines = run_stream_id, token, progress, lines
        self.lost = False
        self.cancelled = False
        self._finished = threading.Event()
        self._valid_until = time.monotonic() + settings.IPAI_LEASE_SECONDS

    def stopping(self) -> bool:
        """Whether the stream must end: cancelled, or the lease is (or must be taken as) lost."""
        return self.cancelled or self.lost or time.monotonic() > self._valid_until

    def run(self) -> None:
        try:
            while not self._finished.wait(BEAT_SECONDS):
                self._beat()
        finally:
            connection.close()

    def finish(self) -> None:
        """Stop beating; returns once the thread has ended and closed its connection."""
        self._finished.set()
        self.join(timeout=10)

    def _beat(self) -> None:
        sent = time.monotonic()
        progress = self.progress.as_dict()
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    EXTEND,
                    [settings.IPAI_LEASE_SECONDS, json.dumps(progress), progress.get("rows", 0), self.run_stream_id, self.token],
                )
                row = cursor.fetchone()
            self.lines.write()
        except DatabaseError as error:
            log.warning("Heartbeat of stream %s missed: %s", self.run_stream_id, type(error).__name__)
            connection.close()
            return
        self._valid_until = sent + settings.IPAI_LEASE_SECONDS
        self.lost = self.lost or row is None
        self.cancelled = self.cancelled or bool(row and row[0])
