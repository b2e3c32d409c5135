"""Just enough of PostgreSQL's protocol to ask one question over a Unix socket.

The guard asks every second and must stay small: a driver would cost it several times its own memory.
Format: PostgreSQL documentation, chapter "Frontend/Backend Protocol", version 3.0.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from ipai.embedded.errors import ServiceError

Row = tuple[str | None, ...]


def query(path: Path, *, user: str, database: str, sql: str, seconds: float = 5.0) -> list[Row]:
    """The rows of ``sql`` as text. ``OSError`` when nobody answers, ``ServiceError`` when the server says no."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        words = ("user", user, "database", database, "application_name", "ipai")
        start = struct.pack("!i", 196608) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
        connection.sendall(struct.pack("!i", len(start) + 4) + start)
        _read(connection)
        text = sql.encode() + b"\0"
        connection.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        rows = _read(connection)
        connection.sendall(b"X" + struct.pack("!i", 4))
        return rows


def _read(connection: socket.socket) -> list[Row]:
    """Messages up to "ready for query"; the rows among them."""
    rows: list[Row] = []
    while True:
        head = _exactly(connection, 5)
        body = _exactly(connection, struct.unpack("!i", head[1:])[0] - 4)
        kind = head[:1]
        if kind == b"Z":
            return rows
        if kind == b"D":
            rows.append(_row(body))
        elif kind == b"E":
            fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
            raise ServiceError(f"PostgreSQL: {fields.get(b'M', 'no message')}")
        elif kind == b"R" and body[:4] != b"\0\0\0\0":
            raise ServiceError("PostgreSQL asks for a password on its own socket: remove IPAI_HOME/postgres/pg_hba.conf changes")


def _row(body: bytes) -> Row:
    """A data row: a count, then each value's length (-1 for NULL) and bytes."""
    values: list[str | None] = []
    position = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        (length,) = struct.unpack("!i", body[position : position + 4])
        position += 4
        values.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return tuple(values)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        data += part
    return data
