"""GitHub's webhooks as the portal uses them: what comes in, what it says, and how the hook itself is made and looked after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, cast

from connectors.contract import Client, Cursor, Emitted, Loaded, Source, Stream
from connectors.sources.github import deliveries, events, hooks, lacks
from connectors.sources.github.api import GitHub
from connectors.webhook import Envelope, Hook, Said, Sent, Sweep, Told, Webhook


class GitHubWebhook(Webhook):
    """Signature and payloads as GitHub sends them; hooks of an organisation, or of each repository where it has none."""

    def signed(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """By ``X-Hub-Signature-256``."""
        return deliveries.signed(headers, body, secret)

    def opened(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """JSON or a form."""
        return deliveries.opened(headers, body)

    def told(self, source: Source, envelope: Envelope, known: Collection[int]) -> Told:
        """Rows of the tables that reads fill."""
        return events.told(source, envelope, known)

    def fetch(self, source: Source, client: Client, lack: Hashable, loaded: Callable[[str], Loaded]) -> Iterator[Said]:
        """By the same functions as the streams."""
        assert isinstance(lack, events.Lack)
        return lacks.fetch(self._github(source, client, tries=1), lack, loaded)

    def emitted(self, stream: Stream, states: Sequence[Said]) -> Iterator[Emitted]:
        """One page."""
        return events.emitted(stream, states)

    def hooks(self, source: Source, client: Client, paths: Sequence[str]) -> Sequence[Hook]:
        """Those of the organisation or of the repositories that are loaded."""
        return list(hooks.found(self._github(source, client), source.config, paths))

    def install(self, source: Source, client: Client, url: str, secret: str) -> Sequence[Hook]:
        """Where :meth:`hooks` looks for them."""
        return hooks.install(self._github(source, client, tries=1), source.config, url, secret)

    def sweep(self, source: Source, client: Client, hook: Hook, state: Cursor | None) -> Sweep:
        """By the deliveries API, which remembers a few days."""
        return hooks.sweep(self._github(source, client), hook, state)

    def sent(self, source: Source, client: Client, one: Sent) -> Envelope:
        """By the deliveries API."""
        return hooks.sent(self._github(source, client), one)

    def _github(self, source: Source, client: Client, tries: int = 3) -> GitHub:
        """``tries`` 1: tell of a limit at once instead of waiting for it."""
        github: GitHub = cast(Any, source).github(client, tries)
        return github
