"""What a source says of its vendor's webhooks: plain Python, no Django. See :class:`connectors.contract.Source.webhook`.

A delivery passes three places: :meth:`Webhook.signed` and :meth:`Webhook.opened` when it comes in (nothing else is done then),
:meth:`Webhook.told` when it is processed, :meth:`Webhook.fetch` for what it lacks.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from connectors.contract import Client, Cursor, Emitted, Loaded, Record, Source, Stream


class Unreadable(Exception):
    """A signed body that is no delivery: ``status`` is the HTTP answer (400, or 415 for a content type)."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Envelope:
    """A delivery as it came in. ``payload`` is its JSON text; ``id`` is the vendor's, the same when it is sent again."""

    id: str
    event: str
    payload: bytes
    action: str | None = None
    repository_id: int | None = None
    hook_id: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The state of one record of a stream; ``raw`` is its JSON as the vendor sent it. ``lost``: the vendor has it no longer."""

    stream: str
    row: Record
    raw: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What a delivery says: states of records, and what must be fetched because the payload lacks it.

    ``ignored`` is the reason when it says nothing to this connector. ``happened_at`` is the payload's own time.
    """

    said: Sequence[Said] = ()
    lacks: Sequence[Hashable] = ()
    happened_at: datetime | None = None
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as the vendor has it. ``place`` says where for people, ``handle`` is what the source needs to find it again."""

    handle: str
    place: str
    url: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of the vendor's own record of deliveries."""

    handle: str
    id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the vendor's record holds since the last look, and what the next look is told. ``gap``: why that is not all."""

    sent: Sequence[Sent]
    state: Cursor
    gap: str = ""


class Webhook(ABC):
    """How a vendor tells of changes by itself. Made once per source type; holds nothing."""

    secret: ClassVar[str] = "webhook_secret"  # noqa: S105  (the name of the source's secret)
    about: ClassVar[str] = "repositories"
    """The stream whose keys ``Envelope.repository_id`` are."""

    @abstractmethod
    def signed(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Whether the raw body carries this secret's signature, compared in constant time. Header names are lower case."""

    @abstractmethod
    def opened(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """What the delivery is. Raises Unreadable. Called for signed bodies only; must be quick, a body may have 25 MB."""

    @abstractmethod
    def told(self, source: Source, envelope: Envelope, known: Collection[int]) -> Told:
        """What it says, without asking the vendor. ``known`` are those of the batch's repositories that are loaded.

        Any exception fails this delivery alone.
        """

    def fetch(self, source: Source, client: Client, lack: Hashable, loaded: Callable[[str], Loaded]) -> Iterator[Said]:
        """What a delivery lacked. Asked once for equal lacks of a batch. ``loaded`` gives what the table of a stream holds."""
        raise NotImplementedError

    def emitted(self, stream: Stream, states: Sequence[Said]) -> Iterator[Emitted]:
        """States of records, one per key, as the stream's ``read`` would yield them."""
        return iter([one.row for one in states])

    def hooks(self, source: Source, client: Client, paths: Sequence[str]) -> Sequence[Hook]:
        """The vendor's webhooks whose address ends in one of these paths."""
        raise NotImplementedError

    def install(self, source: Source, client: Client, url: str, secret: str) -> Sequence[Hook]:
        """Make the webhook, or give those that point to this address the new secret."""
        raise NotImplementedError

    def sweep(self, source: Source, client: Client, hook: Hook, state: Cursor | None) -> Sweep:
        """What the vendor sent to this hook since the look that gave ``state`` (None: all it remembers)."""
        raise NotImplementedError

    def sent(self, source: Source, client: Client, one: Sent) -> Envelope:
        """A delivery of the vendor's record with its payload."""
        raise NotImplementedError


def hmac_equals(algorithm: str, secret: str, body: bytes, given: Any) -> bool:
    """Whether ``given`` is the body's hexadecimal HMAC under the secret; takes equally long for a wrong one."""
    expected = hmac.new(secret.encode(), body, algorithm).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace") if isinstance(given, str) else b"")
