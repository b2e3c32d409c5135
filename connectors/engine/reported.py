"""Records that a webhook told, through the same load and merge as those that a read yields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from connectors.contract import Client, Cursor, Deleted, Emitted, Stream
from connectors.engine import tables
from connectors.engine.transact import one_transaction
from connectors.webhook import Said, Webhook

LIKE = ("name", "target", "primary_key", "schema_policy", "batch_size", "schema", "keep_raw", "version")
_GHOSTS = "SELECT {key}, {version} FROM {table} WHERE _connector_id = %s AND _deleted_at IS NOT NULL AND {key} = ANY (%s)"

Key = tuple[Any, ...]


class Reported(Stream):
    """A stream of the source that yields what deliveries told. It has no cursor: what a read has reached stays as it is."""

    write_mode = "merge"

    def __init__(self, like: Stream, webhook: Webhook, states: Sequence[Said], connector_id: UUID) -> None:
        for name in LIKE:
            setattr(self, name, getattr(like, name))
        self._like, self._webhook, self._states, self._connector_id = like, webhook, states, connector_id

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """The newest state of each record, then the records that are gone."""
        newest, lost = settled(self, self._states)
        ghosts = self._ghosts(newest)
        yield from self._webhook.emitted(
            self._like, [one for key, one in newest.items() if key not in ghosts or self._rank(one) > ghosts[key]]
        )
        if lost:
            yield Deleted(keys=[key if len(key) > 1 else key[0] for key in lost])

    def _rank(self, one: Said) -> Key:
        return rank(one.row.get(name) for name in self.version)

    def _ghosts(self, newest: dict[Key, Said]) -> dict[Key, Key]:
        """Rows of these records that are marked as deleted, with their state: an older one must not bring them back."""
        if not newest or len(self.primary_key) > 1 or not self.version:
            return {}
        table = tables.target(self.target)
        statement = sql.SQL(_GHOSTS).format(
            key=sql.Identifier(self.primary_key[0]),
            version=sql.SQL(", ").join(map(sql.Identifier, self.version)),
            table=table.identifier,
        )
        with one_transaction() as cursor:
            table.read(cursor)
            if not table.exists:
                return {}
            found = cursor.execute(statement, [self._connector_id, [key[0] for key in newest]]).fetchall()
        return {(row[0],): rank(row[1:]) for row in found}


def settled(stream: Stream, states: Sequence[Said]) -> tuple[dict[Key, Said], list[Key]]:
    """The newest state of each record, by ``version`` and then by order, and the keys of those that are gone in the end.

    What is gone comes back by a newer state only: a late delivery does not revive it.
    """
    newest: dict[Key, Said] = {}
    lost: dict[Key, None] = {}
    for one in states:
        key = tuple(one.row[name] for name in stream.primary_key)
        before = newest.get(key)
        change = 0 if before is None else _compare(stream, one, before)
        if change >= 0 and not (key in lost and change == 0 and before is not None):
            newest[key] = one
            if key in lost and change > 0 and not one.lost:
                del lost[key]
        if one.lost:
            lost[key] = None
    return newest, list(lost)


def _compare(stream: Stream, one: Said, other: Said) -> int:
    mine, others = (rank(state.row.get(name) for name in stream.version) for state in (one, other))
    return (mine > others) - (mine < others)


def rank(values: Iterable[Any]) -> Key:
    """Values of a version as something to compare: nothing comes first, moments are moments however they are written."""
    return tuple((value is not None, _comparable(value)) for value in values)


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return value
    if isinstance(value, datetime):
        return value.timestamp()
    return 0 if value is None else value
