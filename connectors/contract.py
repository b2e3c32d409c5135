"""The contract between a source and the engine: plain Python, no Django.

A new connector is one module in ``connectors/sources`` with one :class:`Source` subclass. Subclassing
registers it; a missing attribute or a key that is taken fails at import. A source only reads: it never
sees models, tenants, where secrets are kept, or state. The engine asks ``source.streams(client)``, calls
``stream.read(client, since)`` for each, and does everything else (types, tables, transactions, cursors).
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import httpx
import pyarrow as pa

from connectors.webhook import Webhook

Record = Mapping[str, Any]
"""One row of an API source: column name -> JSON-like value. Decimals stay ``Decimal``; ``None`` is NULL."""

Cursor = dict[str, Any]
"""What a stream has reached, as JSON. The engine stores it in the transaction that commits the rows."""

Key = Any
"""A record's primary key: the bare value where it is one column, else a tuple of values in the order of the columns."""

WriteMode = Literal["append", "replace", "merge"]
SyncMode = Literal["full", "incremental"]
SchemaPolicy = Literal["evolve", "freeze", "discard_row", "discard_value"]

KIND = b"ipai.kind"
"""Arrow field metadata of a text column: what its text is.

``lexical`` (the default): text as found in a file, any type may be inferred. ``string``: the source says
it is a string, so only dates, timestamps and uuids are inferred. ``number``, ``boolean``, ``json``: JSON text
of that kind. Columns that are not Arrow strings carry their type themselves.
"""

RAW = {KIND: b"json", b"ipai.raw": b"1"}
"""Arrow field metadata of the last column of a batch, ``_raw``: each record as JSON, as the vendor sent it."""


class SourceError(Exception):
    """A failure whose message is one clear line for people. The subclass says how to recover."""


class Retry(SourceError):
    """Try the same thing again later; ``after`` seconds if the vendor said so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class SkipRecord(SourceError):
    """This record cannot be used: reject it with its place, go on with the next."""

    def __init__(self, message: str, place: str = "", raw: str | None = None) -> None:
        super().__init__(message)
        self.place = place
        self.raw = raw


class StopStream(SourceError):
    """This stream cannot go on; what is committed stays, other streams continue.

    Raised by a part's batches: nothing of this part is loaded, the next parts are, and the stream fails at its end.
    """


class ReconnectNeeded(SourceError):
    """The credentials do not work: no stream of this connector can go on until a person repairs them."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be read: ``place`` is file:line or the vendor's id, ``raw`` the text as found."""

    place: str
    reason: str
    raw: str | None = None


@dataclass(slots=True)
class Part:
    """Rows that are committed whole, in one transaction with ``cursor``: a file, or a page of records.

    ``batches`` yields Arrow record batches (columns as :data:`KIND` says) and :class:`Rejected`. Row ``i`` of
    the part (from 0, in order of the batches) is ``place(i)`` for people. The engine keeps each part's name
    and cursor in ``ipai_loaded_part``; in write mode replace, rows loaded earlier from the part of the same
    name give way to these.
    """

    name: str
    batches: Iterable[pa.RecordBatch | Rejected]
    cursor: Cursor | None = None
    place: Callable[[int], str] = field(default=lambda row: f"row {row + 1}")
    size: int | None = None
    """Bytes to read, for progress; None when unknown."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The part of this name is no longer at the source (a deleted file). Write mode replace removes its rows."""

    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """Records as columns, for sources that read many at once; write mode merge, each key at most once.

    Pages are committed together up to ``Stream.batch_size`` rows, with the last ``cursor`` among them (None leaves
    the saved one). The stream says itself what was deleted, see :class:`Deleted`.
    """

    batch: pa.RecordBatch
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The source no longer has the records of these keys: their rows are marked with ``_deleted_at``.

    Everything emitted before is committed before the stream is asked for more, so with no keys it says: commit now.
    """

    keys: Sequence[Key]
    cursor: Cursor | None = None


Emitted = Record | Part | Gone | Page | Deleted

Group = tuple[Any, ...]
"""What the rows of one control total have in common, in the order of ``by``; a month is its first day."""


class Loaded(Protocol):
    """The rows that this connector has in the stream's table, those marked as deleted left out.

    ``by`` names columns; ``date:month`` is the month of a date column. ``keys``, ``values`` and ``members`` are for keys that
    are one integer column.
    """

    def keys(self, after: int, upto: int | None) -> list[int]:
        """The keys above ``after`` up to and with ``upto`` (None: the last), in order."""

    def values(self, columns: Sequence[str], keys: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """These columns of the rows that have one of these keys."""

    def matching(self, columns: Sequence[str], values: Sequence[tuple[Any, ...]], before: datetime | None = None) -> list[Key]:
        """The keys of the rows where ``columns`` together have one of these values; ``before``: that were loaded before then."""

    def columns(self) -> set[str]:
        """The table's columns that this tenant's loads have brought values for."""

    def now(self) -> datetime:
        """The database's clock, by which ``_loaded_at`` is set."""

    def totals(self, by: Sequence[str], sums: Sequence[str]) -> dict[Group, tuple[Any, ...]]:
        """For each group the number of rows and the sum of each column, as Decimal."""

    def members(self, by: Sequence[str], group: Group, columns: Sequence[str]) -> dict[int, tuple[Any, ...]]:
        """The rows of one group by key."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether what is loaded equals what the source says it has.

    ``differences`` are for people and as JSON: what differs, ``source`` and ``loaded`` values, the keys concerned.
    ``suspects`` are all keys that a repair must read again.
    """

    checked: int
    """Control totals that were compared."""
    differences: Sequence[Mapping[str, Any]] = ()
    suspects: Sequence[int] = ()
    authority: str = ""
    """Who was asked, e.g. ``Odoo 18.0 at https://erp.example.com, database main``."""
    records: int | None = None
    """Records that the source says it has; None when it was not asked."""
    unproven: Sequence[str] = ()
    """Columns that a full proof would have compared, and this one could not."""
    warnings: Sequence[str] = ()
    """Why agreement says less than it seems to, e.g. because both sides are empty; one line each, for people."""
    moving: bool = False
    """All suspects have changed at the source since they were read: without them both sides are equal, and the next run reads
    them. Where reading again does not catch up with the people at work, that is agreement."""

    @property
    def ok(self) -> bool:
        """Everything agreed."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """What becomes of one field of the vendor's records: a column, a place in ``_raw`` alone, or (neither) nothing."""

    name: str
    label: str = ""
    """What the vendor calls it on its own pages."""
    type: str = ""
    """Its type in the vendor's words."""
    column: str | None = None
    column_type: str | None = None
    in_raw: bool = False
    note: str = ""
    """Why it has no column; for people."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``checkconnector``: what was tried, whether it worked, what to do if not."""

    name: str
    ok: bool
    detail: str
    warning: bool = False
    """It works, but somebody should read the detail before they rely on it."""


@dataclass(frozen=True, slots=True)
class SecretField:
    """A secret that the source needs, e.g. ``SecretField("password", "Password or API key", required=True)``."""

    name: str
    label: str
    required: bool = False


@dataclass(slots=True)
class Client:
    """What the engine hands to a source for one run.

    Warnings in ``log`` stand beside the result of the run. ``http`` retries, honours Retry-After, refuses private addresses
    (unless the operator allows them) and logs without secrets. ``scratch`` is a private folder, emptied after the run.
    ``stopping()`` is true when the run was cancelled: long loops ask it and return.
    """

    http: httpx.Client
    scratch: Path
    log: logging.Logger
    files_roots: tuple[Path, ...] = ()
    allow_private_urls: bool = False
    stopping: Callable[[], bool] = lambda: False
    mode: SyncMode = "incremental"
    loaded: Loaded | None = None
    """What the stream's table holds; None outside a run."""
    saved: Cursor | None = None
    """The stream's saved cursor, in a full sync too, which does not go on from it."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What the installation's environment says where a config says nothing, e.g. ``GITHUB_API_URL``."""
    say: Callable[[str], None] = lambda phase: None
    """Show people in a few words what the stream does or waits for."""


class Stream(ABC):
    """One table-like feed of a source. Set the attributes on the class or on the instance."""

    name: str
    """Unique within the connector; what people type after ``--stream``."""
    target: str
    """``schema.table`` in a bronze schema."""
    vendor_name: str = ""
    """What the vendor calls it, e.g. ``account.move``."""
    primary_key: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    """Columns that order the states of one record, e.g. ``("updated_at",)``; write mode merge. A row is never overwritten by an
    older state, however late that arrives; equal ones are told apart by arrival. Empty: what arrives last is newest."""
    cursor_field: str | None = None
    in_cursor_order: bool = False
    """Records come in ascending order of ``cursor_field``: the cursor is then saved with each batch, else at the end only."""
    write_mode: WriteMode = "append"
    schema_policy: SchemaPolicy = "evolve"
    batch_size: int = 10_000
    """Records per transaction, for streams that yield records; replace, and append that is not in cursor order, commit once."""
    schema: Mapping[str, str] | None = None
    """Declared Postgres types by column, when the vendor tells them; other columns are inferred."""
    keep_raw: bool = False
    """Keep each record as the vendor sent it in ``_raw`` (API sources)."""
    compares_raw: bool = False
    """A row has changed, too, where only its ``_raw`` has. Not for records that come in several forms of one state."""

    def may_stay_raw(self, column: str) -> bool:
        """Whether this column may be left to ``_raw`` where other connectors hold it with another type; else the stream stops."""
        return False

    @abstractmethod
    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """Yield what is new after ``since`` (None: everything), in a stable order.

        For records, the cursor is ``{cursor_field: highest value seen}``. A stream of parts gets
        ``{part name: the cursor that part brought}`` for every part loaded so far. Pages bring their own.
        """

    def fields(self) -> Sequence[FieldMapping] | None:
        """What becomes of the vendor's fields, once :meth:`read` has learned of them; None when it did not ask."""
        return None

    def prove(self, client: Client) -> Proof | None:
        """Compare the source's own totals with ``client.loaded`` after the last commit; None when the source has none.

        The engine lets :meth:`repair` read again what differs, and fails the stream when it still differs after
        a few tries.
        """
        return None

    def repair(self, client: Client, proof: Proof) -> Iterator[Emitted]:
        """The suspects of a proof as they are now."""
        raise NotImplementedError


class Source(ABC):
    """A vendor type. Subclasses are found in ``connectors.sources`` and registered by their key."""

    key: ClassVar[str]
    """What the config calls it: ``type: files``."""
    label: ClassVar[str]
    description: ClassVar[str] = ""
    config_schema: ClassVar[Mapping[str, Any]]
    """JSON Schema (2020-12) of the config; the console builds its form from it (title, description, enum, default)."""
    secrets: ClassVar[tuple[SecretField, ...]] = ()
    proves: ClassVar[bool] = False
    """Its streams compare what is loaded with the vendor's own totals (:meth:`Stream.prove`)."""
    webhook: ClassVar[Webhook | None] = None
    """How the vendor tells of changes by itself; None when it does not. Its secret is one of ``secrets``."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> None:
        self.config = config
        self.secret = dict(secrets or {})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        missing = [name for name in ("key", "label", "config_schema") if not hasattr(cls, name)]
        if missing:
            raise TypeError(f"{cls.__module__}.{cls.__name__} lacks {', '.join(missing)}")
        taken = _registry.get(cls.key)
        if taken is not None and taken.__module__ != cls.__module__:
            raise TypeError(f"source key {cls.key!r} of {cls.__module__} is taken by {taken.__module__}")
        _registry[cls.key] = cls

    @abstractmethod
    def streams(self, client: Client) -> Sequence[Stream]:
        """The streams this config asks for. May ask the vendor; must not read records."""

    @abstractmethod
    def check(self, client: Client) -> Iterator[Check]:
        """Try the source with its secrets: reachable, allowed, what was found. Never raises for a vendor's no."""

    @classmethod
    def record_url(cls, config: Mapping[str, Any], stream: str, key: Mapping[str, Any]) -> str | None:
        """Where a person sees a record at the vendor: ``https://...`` or None. ``key`` is its row, the primary key among it."""
        return None

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Mapping[str, str]:
        """Rules beyond the schema, as ``{field: message}``; empty when all is well."""
        return {}


_registry: dict[str, type[Source]] = {}


def sources() -> Mapping[str, type[Source]]:
    """Every registered source by key. Imports the modules of ``connectors.sources`` once."""
    package = importlib.import_module("connectors.sources")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"connectors.sources.{module.name}")
    return _registry
