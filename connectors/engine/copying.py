"""COPY in a pipeline: one thread encodes a batch while another sends the one before; memory holds a few batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from connectors.engine.encode import Constant, Payload, encode

AHEAD = 3
"""Batches encoded or waiting to be sent."""


class Copier:
    """Sends batches to one table over the caller's connection, which the caller leaves alone until ``finish``.

    ``columns`` are the table's types; ``constants`` go into every row. One COPY statement per batch, all in
    the caller's transaction.
    """

    def __init__(
        self, cursor: psycopg.Cursor[Any], table: sql.Identifier, columns: Mapping[str, str], constants: Mapping[str, Constant]
    ) -> None:
        self._cursor, self._table, self._columns, self._constants = cursor, table, columns, constants
        self._encoder = ThreadPoolExecutor(1, "encode")
        self._sender = ThreadPoolExecutor(1, "copy")
        self._waiting: deque[Future[int]] = deque()
        self.rows = 0
        """Rows that the server says it took."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Queue a batch; waits while the server is behind, raises what an earlier batch ran into."""
        while len(self._waiting) >= AHEAD:
            self.rows += self._waiting.popleft().result()
        encoded = self._encoder.submit(encode, batch, self._columns, self._constants)
        self._waiting.append(self._sender.submit(self._send, encoded))

    def finish(self) -> int:
        """Wait for everything; rows taken in all."""
        try:
            while self._waiting:
                self.rows += self._waiting.popleft().result()
        finally:
            self.close()
        return self.rows

    def close(self) -> None:
        """Drop what is not sent yet and wait for what is under way, so that the connection is free."""
        for future in self._waiting:
            future.cancel()
        self._encoder.shutdown(wait=True, cancel_futures=True)
        self._sender.shutdown(wait=True, cancel_futures=True)

    def _send(self, encoded: Future[Payload]) -> int:
        payload = encoded.result()
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(
            self._table, sql.SQL(", ").join(map(sql.Identifier, payload.columns)), sql.SQL(payload.format)
        )
        with self._cursor.copy(statement) as copy:
            for chunk in payload.chunks:
                copy.write(chunk)
        return self._cursor.rowcount
