"""A batch of claimed deliveries on its way: heard, completed by what the vendor is asked for, loaded stream by stream."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from django.db.models.functions import Now

from connectors.contract import Client, Loaded, Retry, Source, SourceError, Stream
from connectors.engine.loaded import LoadedRows
from connectors.engine.reported import Reported
from connectors.models import ConnectorConfig, ConnectorRun, RunStream, Status, WebhookDelivery
from connectors.services.execution import execute_stream
from connectors.webhook import Envelope, Said, Told, Webhook
from ipai.vault.redaction import redact

BLOCKED_SECONDS = 10.0
"""Until the next try when the vendor or the database is away: such a try does not count."""


@dataclass(slots=True)
class Item:
    """One claimed delivery on its way."""

    row: WebhookDelivery
    told: Told = field(default_factory=Told)
    fetched: list[Said] = field(default_factory=list)
    error: str = ""
    blocked: float | None = None
    """Seconds to wait: the delivery is not at fault."""

    @property
    def streams(self) -> set[str]:
        """Where its records go."""
        return {one.stream for one in (*self.told.said, *self.fetched)}


@dataclass(slots=True)
class Batch:
    """A claimed batch between its claim and its end."""

    connector: ConnectorConfig
    run: ConnectorRun
    source: Source
    webhook: Webhook
    client: Client
    items: list[Item]
    secrets: tuple[str, ...]

    def load(self) -> None:
        """Hear every delivery, fetch what they lack, load stream by stream."""
        streams = {stream.name: stream for stream in self.source.streams(self.client)}
        self._hear(streams)
        self._fetch(lambda name: LoadedRows(streams[name].target, streams[name].primary_key, self.connector.pk))
        for name in dict.fromkeys(name for item in self.items for name in sorted(item.streams)):
            if name in streams:
                self._load(streams[name])

    def _hear(self, streams: dict[str, Stream]) -> None:
        known = self._known(streams)
        for item in self.items:
            try:
                item.told = self.webhook.told(self.source, envelope_of(item.row), known)
                for said in item.told.said:
                    if said.stream in streams and any(said.row[name] is None for name in streams[said.stream].primary_key):
                        raise ValueError(f"a record of {said.stream} has no key")
            except Exception as error:  # whatever a payload does to the source, it does to this delivery alone
                item.error = f"The payload is not what the event {item.row.event} has: {type(error).__name__}: {error}"[:500]
        self.items.sort(key=lambda item: (item.told.happened_at or item.row.received_at, item.row.received_at))

    def _known(self, streams: dict[str, Stream]) -> frozenset[int]:
        """The repositories (or what the vendor calls them) that the connector has loaded, of those that deliveries name."""
        about = streams.get(self.webhook.about)
        named = {item.row.repository_id for item in self.items if item.row.repository_id is not None}
        if about is None or not named:
            return frozenset()
        return frozenset(LoadedRows(about.target, about.primary_key, self.connector.pk).values((), sorted(named)))

    def _fetch(self, loaded: Callable[[str], Loaded]) -> None:
        wanted: dict[Hashable, list[Item]] = {}
        for item in self.items:
            for lack in item.told.lacks:
                wanted.setdefault(lack, []).append(item)
        for lack, items in wanted.items():
            try:
                found = list(self.webhook.fetch(self.source, self.client, lack, loaded))
            except Retry as error:
                block(items, redact(str(error), self.secrets), error.after or BLOCKED_SECONDS)
            except SourceError as error:
                block(items, redact(str(error), self.secrets))
            else:
                for item in items:
                    item.fetched += found
            if self.client.stopping():
                return

    def _load(self, stream: Stream) -> None:
        """Load what all deliveries told of one stream; if that fails, all that told of it failed."""
        concerned = [item for item in self.items if stream.name in item.streams and not item.error and item.blocked is None]
        # What was fetched is newer than what the payloads say; what several deliveries lacked is there once.
        states = [one for item in concerned for one in item.told.said if one.stream == stream.name]
        states += {id(one): one for item in concerned for one in item.fetched if one.stream == stream.name}.values()
        if not states:
            return
        row = RunStream.objects.create(
            run=self.run,
            stream=stream.name,
            target=stream.target,
            dispatched_at=Now(),
            metadata={"write_mode": "merge", "deliveries": len(concerned)},
        )
        execute_stream(row.pk, stream=Reported(stream, self.webhook, states, self.connector.pk))
        row.refresh_from_db()
        if row.status != Status.SUCCESS:
            for item in concerned:
                item.error = item.error or f"{stream.name}: {row.error_message}"


def block(items: Sequence[Item], why: str, seconds: float = BLOCKED_SECONDS) -> None:
    """These wait: the vendor or the portal is at fault, not they."""
    for item in items:
        item.error, item.blocked = item.error or why, max(item.blocked or 0.0, seconds)


def envelope_of(row: WebhookDelivery) -> Envelope:
    """A stored delivery as it came in."""
    return Envelope(row.id, row.event, bytes(row.payload or b""), row.action, row.repository_id, row.hook_id)
