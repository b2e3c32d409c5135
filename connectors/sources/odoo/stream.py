"""One model as a stream: a scan by id, then what changed by ``write_date``, then ids that are gone; see docs/sources/odoo.md.

The saved cursor::

    {"write_date": "2026-11-23 08:29:28",   newest stamp that the last look began with
     "read_at": "2026-11-23T09:00:00+00:00", when that look began, by this host's clock
     "fields": "1f0c...",                    digest of the fields that were read
     "ids_at": "2026-11-23T09:00:00+00:00",  when ids were last compared
     "parent_date": "...",                   as write_date, of the model behind _inherits
     "scan_after": 4211}                     a scan is under way and complete up to this id
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Client, Cursor, Deleted, Emitted, FieldMapping, Page, Proof, Record, StopStream, Stream
from connectors.sources.odoo.fields import Layout
from connectors.sources.odoo.mapping import mapping
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.proof import compare, compare_ids, controls
from connectors.sources.odoo.reader import Domain, Reader, stamp
from connectors.sources.odoo.rpc import Failed, Odoo, Refused, Unknown

LIGHT_PAGE = 20_000
"""Records of which only id and stamp are asked."""
READ_AHEAD = 4_000
"""Records that wait while others are being loaded."""
SKEW = timedelta(hours=1)
"""How far this host's clock and Odoo's may be apart."""


@dataclass(frozen=True)
class Pace:
    """How a stream reads."""

    page_size: int = 2_000
    concurrency: int = 2
    overlap: timedelta = timedelta(minutes=30)
    """Longer than the longest transaction: its records carry the stamp of its start."""
    ids_every: timedelta = timedelta(hours=24)


class OdooStream(Stream):
    """Records of one model, merged by id."""

    primary_key = ("id",)
    cursor_field = "write_date"
    write_mode = "merge"
    keep_raw = True
    batch_size = 10_000

    def __init__(self, model: Model, odoo: Odoo, pace: Pace) -> None:
        self.name, self.target, self.model, self.pace = model.table, model.target, model, pace
        self.vendor_name = model.name
        self.reader = Reader(odoo, model, pace.page_size, pace.concurrency, READ_AHEAD)
        self._layout: Layout | None = None
        self._absent = False

    def may_stay_raw(self, column: str) -> bool:
        """Custom fields, which each Odoo has its own of; no report relies on them."""
        return column.startswith("x_")

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """Everything by id the first time, when the fields changed, or where a scan was interrupted; then what changed."""
        cursor = dict(since or {})
        if "scan_after" in cursor or not cursor.get("write_date"):
            yield from self._scan(client, cursor)
            if self._absent:
                return
        began = datetime.now(UTC)
        yield from self._changes(client, cursor)
        if cursor.pop("again", False):
            yield from self._scan(client, cursor)
        gone = yield from self._compare_ids(client, cursor, began)
        yield Deleted(gone, cursor | {"read_at": began.isoformat(timespec="seconds")})

    def _known(self, client: Client) -> Layout | None:
        """The fields, asked for once; None when Odoo lacks the model."""
        if self._layout is None and not self._absent:
            self._layout = self.reader.layout(client.log.warning)
            if self._layout is None:
                self._absent = True
                if not self.model.optional:
                    raise StopStream(f"Odoo has no model {self.model.name}: install the app that brings it, or leave the model out")
                client.log.warning("Odoo has no model %s (its app is not installed): nothing to read", self.model.name)
            else:
                self.schema = self._layout.schema
        return self._layout

    def _scan(self, client: Client, cursor: dict[str, Any]) -> Iterator[Emitted]:
        """All records by id. What changes meanwhile is found from the newest stamp at the scan's begin."""
        layout = self._known(client)
        if layout is None:
            return
        if "scan_after" not in cursor or cursor.get("fields") != layout.digest:
            cursor.clear()
            newest = self.reader.newest() if "write_date" in layout.fields else None
            began = datetime.now(UTC).isoformat(timespec="seconds")
            cursor |= {"write_date": newest, "read_at": began, "fields": layout.digest, "scan_after": 0}
            if self.model.parent and self.model.parent in layout.fields:
                cursor["parent_date"] = self.reader.newest(self.model.parent_model)
        if not cursor["scan_after"] and client.loaded is not None and not client.loaded.totals([], []):
            cursor["ids_at"] = cursor["read_at"]  # nothing was loaded that could be gone, and the scan goes over all ids
        empty = True
        for upto, batch in self.reader.pages(cursor["scan_after"], layout, client):
            cursor["scan_after"] = upto
            empty = False
            yield Page(batch, dict(cursor))
        if empty and cursor["scan_after"] == 0:
            yield Page(layout.batch([]), dict(cursor))
        del cursor["scan_after"]
        yield Deleted((), dict(cursor))

    def _changes(self, client: Client, cursor: dict[str, Any]) -> Iterator[Emitted]:
        """Records whose stamp is in the window or missing, unless they are loaded as they are."""
        if cursor["write_date"] is None:
            return
        last, first = 0, True
        condition = self._window(cursor)
        while True:
            found = self.reader.records([["id", ">", last], *condition], ["write_date"], LIGHT_PAGE)
            if first and found:
                newest = max((record["write_date"] for record in found if record["write_date"]), default="")
                cursor["write_date"] = max(cursor["write_date"], newest)
            first = False
            changed = self._changed(client, cursor, found)
            if changed:
                layout = self._known(client)
                assert layout is not None
                if layout.digest != cursor["fields"]:
                    client.log.warning("The fields of %s have changed in Odoo: reading everything again", self.model.name)
                    cursor["again"] = True
                    return
                for _, batch in self.reader.again(changed, layout, client):
                    yield Page(batch)
            if len(found) < LIGHT_PAGE:
                return
            last = found[-1]["id"]

    def _window(self, cursor: dict[str, Any]) -> Domain:
        """Records that may have changed since; those without a stamp always."""
        own = _clause("write_date", cursor["write_date"], self._begin(cursor, cursor["write_date"]))
        if not cursor.get("parent_date"):
            return ["|", ["write_date", "=", False], own]
        before, cursor["parent_date"] = cursor["parent_date"], self.reader.newest(self.model.parent_model)
        parent = _clause(f"{self.model.parent}.write_date", before, self._begin(cursor, before))
        return ["|", "|", ["write_date", "=", False], own, parent]

    def _begin(self, cursor: Mapping[str, Any], newest: str) -> datetime | None:
        """Where the window begins; None for behind the newest stamp, where nothing before it can still be committed."""
        moment = stamp(newest)
        assert moment is not None
        settled = "parent_date" in cursor and self._settled(moment, _moment(cursor.get("read_at")))
        return None if settled else moment - self.pace.overlap

    def _settled(self, written: datetime, read: datetime | None) -> bool:
        """Whether a record with this stamp, read at that time, was read after every transaction of that second had ended."""
        return read is not None and read >= written + self.pace.overlap + SKEW

    def _changed(self, client: Client, cursor: Mapping[str, Any], found: Sequence[Record]) -> list[int]:
        """The ids that must be read: all but those that are loaded with the same stamp and settled."""
        if client.loaded is None or "parent_date" in cursor:
            return [record["id"] for record in found]
        have = client.loaded.values(["write_date", "_loaded_at"], [record["id"] for record in found])
        looked = _moment(cursor.get("read_at"))
        changed = []
        for record in found:
            written, row = stamp(record["write_date"]), have.get(record["id"])
            if written and row and row[0] == written and self._settled(written, max(row[1], looked or row[1])):
                continue
            changed.append(record["id"])
        return changed

    def _compare_ids(self, client: Client, cursor: dict[str, Any], began: datetime) -> Generator[Emitted, None, list[int]]:
        """Now and then compare all ids: read those that are not loaded; the generator's value are those that are gone."""
        last = _moment(cursor.get("ids_at"))
        if client.loaded is None or (last is not None and began - last < self.pace.ids_every):
            return []
        yield Deleted(())
        missing, extra = compare_ids(self.reader, client.loaded)
        if missing:
            yield from self._again(client, missing)
        cursor["ids_at"] = began.isoformat(timespec="seconds")
        return extra

    def _again(self, client: Client, ids: Sequence[int]) -> Iterator[Emitted]:
        """These records as they are now, and those of them that are gone."""
        layout = self._known(client)
        if layout is None:
            return
        for part, batch in self.reader.again(ids, layout, client):
            yield Page(batch)
            if gone := set(part) - set(batch.column("id").to_pylist()):
                yield Deleted(sorted(gone))

    def fields(self) -> Sequence[FieldMapping] | None:
        """What Odoo told of the model's fields; None when this run had no record to read."""
        reader = self.reader
        return None if self._layout is None else mapping(reader.described, self._layout, reader.forbidden, reader.user)

    def prove(self, client: Client) -> Proof | None:
        """Odoo's count of the records, and sums by group for ledgers."""
        if client.loaded is None or self._absent:
            return None
        try:
            proof = compare(self.reader, client.loaded, *self._controls(self._layout))
            if proof.ok or self._layout is not None:
                return proof
        except (Refused, Unknown, Failed):
            if self._layout is not None:
                raise
        return compare(self.reader, client.loaded, *self._controls(self._known(client)))

    def repair(self, client: Client, proof: Proof) -> Iterator[Emitted]:
        """Read the records again that differ."""
        yield from self._again(client, proof.suspects)

    def _controls(self, layout: Layout | None) -> tuple[list[str], list[str]]:
        """Groups and sums, as far as the user may read the fields."""
        return controls(self.model, None if layout is None else layout.fields)


def _clause(name: str, newest: str, begin: datetime | None) -> list[str]:
    """From the window's begin on, or above the newest stamp's second."""
    after = begin or (stamp(newest) or datetime.now(UTC)) + timedelta(seconds=1)
    return [name, ">=", after.strftime("%Y-%m-%d %H:%M:%S")]


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
