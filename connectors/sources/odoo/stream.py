"""One model as a stream: a scan by id, then what changed by ``write_date``, then ids that are gone; see docs/sources/odoo.md.

The saved cursor::

    {"source": "https://erp.example.com main res.partner",  what was read
     "fields": "1f0c...",                    digest of the fields that were read
     "unreadable": {"vat": ""},              fields that could not be, and Odoo's words where it is no missing right
     "write_date": "2026-11-23 08:29:28",    newest stamp that the last look began with, at most the time of that look
     "parent_date": "...",                   as write_date, of the model behind _inherits
     "read_at": "2026-11-23T09:00:00+00:00", when that look began, by this host's clock
     "ids_at": "2026-11-23T09:00:00+00:00",  when ids were last compared
     "clears": true,                         the next comparison of ids marks what is gone, however much it is
     "scan_after": 4211}                     a scan is under way and complete up to this id
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Client, Cursor, Deleted, Emitted, FieldMapping, Page, Proof, Record, StopStream, Stream
from connectors.sources.odoo.errors import Failed, Refused, Unknown
from connectors.sources.odoo.fields import Layout
from connectors.sources.odoo.mapping import mapping
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.proof import RIGHTS, compare, compare_ids, controls
from connectors.sources.odoo.reader import BELOW, LIGHT_PAGE, Domain, Reader, stamp, written
from connectors.sources.odoo.rpc import Odoo
from connectors.sources.odoo.window import SKEW, Pace, moment

READ_AHEAD = 4_000
"""Records that wait while others are being loaded."""
MARGIN = timedelta(seconds=5)
"""How exactly the server's clock is known."""
FEW = 50
"""Records that may be gone without a question."""
LEFT = 0.1
"""A part of the loaded records: where Odoo shows fewer, the user has most likely lost a right."""


class OdooStream(Stream):
    """Records of one model, merged by id."""

    primary_key = ("id",)
    cursor_field = "write_date"
    write_mode = "merge"
    keep_raw = True
    compares_raw = True
    batch_size = 10_000

    def __init__(self, model: Model, odoo: Odoo, pace: Pace) -> None:
        self.name, self.target, self.model, self.pace = model.table, model.target, model, pace
        self.vendor_name = model.name
        self.reader = Reader(odoo, model, pace.page_size, pace.concurrency, READ_AHEAD)
        self._source = f"{odoo.login.url} {odoo.login.database} {model.name}"
        self._layout: Layout | None = None
        self._absent = False
        self._looked: str | None = None
        """Records with an older stamp were read as they are now."""

    def may_stay_raw(self, column: str) -> bool:
        """Custom fields, which each Odoo has its own of; no report relies on them."""
        return column.startswith("x_")

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        """Everything by id the first time, when what is read has changed, or where a scan was interrupted; then what changed."""
        cursor = dict(since or {})
        layout = self._look(client, cursor.get("unreadable", {}) if cursor else None)
        if layout is None:
            return
        if cursor and cursor.get("fields") != layout.digest:
            layout = self._look(client)  # a new field may be one that cannot be read
            assert layout is not None
        self._looked = self._now()
        why = self._anew(cursor, layout)
        if why is not None:
            self._begin_scan(client, cursor, layout, why)
        if "scan_after" in cursor or not cursor.get("write_date"):
            yield from self._scan(client, cursor, layout)
        began = datetime.now(UTC)
        try:
            yield from self._changes(client, cursor, layout)
        except (Refused, Unknown, Failed):
            layout = self._look(client)
            if layout is None or (why := self._anew(cursor, layout)) is None:
                raise
            self._begin_scan(client, cursor, layout, why)
            yield from self._scan(client, cursor, layout)
            yield from self._changes(client, cursor, layout)
        gone = yield from self._compare_ids(client, cursor, began)
        yield Deleted(gone, cursor | {"read_at": began.isoformat(timespec="seconds")})

    def _look(self, client: Client, unreadable: Mapping[str, str] | None = None) -> Layout | None:
        """The fields as they are now; None when Odoo lacks the model. ``unreadable``: the others could be read the last time."""
        self._layout = self.reader.layout(client.log.warning, unreadable)
        if self._layout is None:
            self._absent = True
            if not self.model.optional:
                raise StopStream(f"Odoo has no model {self.model.name}: install the app that brings it, or leave the model out")
            client.log.warning("Odoo has no model %s (its app is not installed): nothing to read", self.model.name)
            return None
        self.schema = self._layout.schema
        if client.loaded is not None:
            self._layout.stale = sorted(client.loaded.columns() - self.schema.keys())
        return self._layout

    def _anew(self, cursor: Mapping[str, Any], layout: Layout) -> str | None:
        """Why everything must be read again, for people (empty: there is nothing to say); None when not. The only place."""
        if not cursor:
            return ""
        if cursor.get("source") != self._source:
            return f"It was {cursor.get('source', 'something else')} that was read before, and is {self._source} now"
        if cursor.get("fields") != layout.digest:
            return f"The fields of {self.model.name} have changed in Odoo"
        latest = written(self.reader.odoo.now() + SKEW)
        if max(cursor.get("write_date") or "", cursor.get("parent_date") or "") > latest:
            return f"The newest stamp of {self.model.name} that was read before lies in the future"
        return None

    def _begin_scan(self, client: Client, cursor: dict[str, Any], layout: Layout, why: str) -> None:
        """Let the cursor begin with all records. What changes meanwhile is found from the newest stamp of now."""
        if why:
            client.log.warning("%s: reading everything again", why)
        reset = not cursor and client.mode == "incremental"
        clears = reset or "clears" in cursor or cursor.get("source", self._source) != self._source
        newest = self.reader.newest() if "write_date" in layout.fields else None
        began = datetime.now(UTC).isoformat(timespec="seconds")
        cursor.clear()
        cursor |= {"source": self._source, "fields": layout.digest, "write_date": newest, "read_at": began, "scan_after": BELOW}
        if self.reader.unreadable:
            cursor["unreadable"] = dict(self.reader.unreadable)
        if self.model.parent and self.model.parent in layout.fields:
            cursor["parent_date"] = self.reader.newest(self.model.parent_model)
        if client.loaded is not None and not client.loaded.totals([], []):
            cursor["ids_at"] = began  # nothing was loaded that could be gone, and the scan goes over all ids
        elif clears:
            cursor["clears"] = True

    def _scan(self, client: Client, cursor: dict[str, Any], layout: Layout) -> Iterator[Emitted]:
        """All records by id, from where the cursor is."""
        first = cursor.setdefault("scan_after", BELOW)
        for upto, batch in self.reader.pages(first, layout, client):
            cursor["scan_after"] = upto
            yield Page(batch, dict(cursor))
        if cursor["scan_after"] == BELOW:
            yield Page(layout.batch([]), dict(cursor))
        del cursor["scan_after"]
        yield Deleted((), dict(cursor))

    def _changes(self, client: Client, cursor: dict[str, Any], layout: Layout) -> Iterator[Emitted]:
        """Records whose stamp is in the window or missing, unless they are loaded as they are."""
        if cursor["write_date"] is None:
            return
        last, first = BELOW, True
        condition, now = self._window(cursor), self.reader.now()
        while True:
            found = self.reader.records([["id", ">", last], *condition], ["write_date"], LIGHT_PAGE)
            if first:
                stamps = [str(record["write_date"]) for record in found if record["write_date"]]
                cursor["write_date"] = max(cursor["write_date"], min(now, max(stamps, default="")))
                self._warn_of_future(client, stamps)
                first = False
            changed = self._changed(client, cursor, found)
            for _, batch in self.reader.again(changed, layout, client):
                yield Page(batch)
            if len(found) < LIGHT_PAGE:
                return
            last = found[-1]["id"]

    def _warn_of_future(self, client: Client, stamps: Sequence[str]) -> None:
        latest = written(self.reader.odoo.now() + SKEW)
        if ahead := sum(text > latest for text in stamps):
            name = self.model.name
            client.log.warning("%d records of %s have a stamp in the future: they are read again in each run", ahead, name)

    def _window(self, cursor: dict[str, Any]) -> Domain:
        """Records that may have changed since; those without a stamp always."""
        ahead = self.reader.odoo.ahead
        own = cursor["write_date"]
        if not cursor.get("parent_date"):
            return ["|", ["write_date", "=", False], ["write_date", ">=", self.pace.begin(own, None, ahead)]]
        before, cursor["parent_date"] = cursor["parent_date"], self.reader.newest(self.model.parent_model)
        read = moment(cursor.get("read_at"))
        return [
            *("|", "|", ["write_date", "=", False], ["write_date", ">=", self.pace.begin(own, read, ahead)]),
            [f"{self.model.parent}.write_date", ">=", self.pace.begin(before, read, ahead)],
        ]

    def _changed(self, client: Client, cursor: Mapping[str, Any], found: Sequence[Record]) -> list[int]:
        """The ids that must be read: all but those that are loaded with the same stamp and settled."""
        if client.loaded is None or "parent_date" in cursor:
            return [record["id"] for record in found]
        have = client.loaded.values(["write_date", "_loaded_at"], [record["id"] for record in found])
        looked, ahead = moment(cursor.get("read_at")), self.reader.odoo.ahead
        changed = []
        for record in found:
            stamped, row = stamp(record["write_date"]), have.get(record["id"])
            if stamped and row and row[0] == stamped and self.pace.settled(stamped, max(row[1], looked or row[1]), ahead):
                continue
            changed.append(record["id"])
        return changed

    def _compare_ids(self, client: Client, cursor: dict[str, Any], began: datetime) -> Generator[Emitted, None, list[int]]:
        """Now and then compare all ids: read those that are not loaded; the generator's value are those that are gone."""
        last = moment(cursor.get("ids_at"))
        if client.loaded is None or (last is not None and began - last < self.pace.ids_every):
            return []
        yield Deleted(())
        missing, extra = compare_ids(self.reader, client.loaded)
        if not cursor.pop("clears", False):
            self._refuse_to_empty(client, len(extra))
        if missing:
            yield from self._again(client, missing)
        cursor["ids_at"] = began.isoformat(timespec="seconds")
        return extra

    def _refuse_to_empty(self, client: Client, gone: int) -> None:
        """Raise StopStream where so much seems to be gone that the user has most likely lost a right."""
        if gone < FEW or client.loaded is None:
            return
        there, held = self.reader.count(), client.loaded.totals([], []).get((), (0,))[0]
        if there < held * LEFT:
            raise StopStream(
                f"{self.reader.user} sees {there:,} of the {held:,} records of {self.model.name} that are loaded: nothing was"
                f" marked as deleted. Has it lost a right? Then {RIGHTS}. If they are gone from Odoo, reset the stream"
            )

    def _again(self, client: Client, ids: Sequence[int]) -> Iterator[Emitted]:
        """These records as they are now, and those of them that are gone."""
        layout = self._layout or self._look(client)
        if layout is None:
            return
        for part, batch in self.reader.again(ids, layout, client):
            yield Page(batch)
            if gone := set(part) - set(batch.column("id").to_pylist()):
                yield Deleted(sorted(gone))

    def fields(self) -> Sequence[FieldMapping] | None:
        """What becomes of the model's fields; None when this run has not asked for them."""
        reader = self.reader
        return None if self._layout is None else mapping(reader.described, self._layout, reader.unreadable, reader.user)

    def prove(self, client: Client) -> Proof | None:
        """Odoo's count of the records, and sums by group for ledgers."""
        if client.loaded is None or self._absent:
            return None
        layout = self._layout or self._look(client)
        if layout is None:
            return None
        try:
            return self._compare(client, layout)
        except (Refused, Unknown, Failed):
            before, layout = layout, self._look(client)
            if layout is None or layout.digest == before.digest:
                raise
            return self._compare(client, layout)

    def _compare(self, client: Client, layout: Layout) -> Proof:
        assert client.loaded is not None
        self._looked = self._looked or self._now()
        looked = self._looked if "write_date" in layout.fields else None
        return compare(self.reader, client.loaded, *controls(self.model, layout.fields), looked)

    def repair(self, client: Client, proof: Proof) -> Iterator[Emitted]:
        """Read the records again that differ, and what has changed since all were read."""
        self._refuse_to_empty(client, len(proof.suspects))
        before, self._looked = self._looked, self._now()
        ids = set(proof.suspects)
        if before and self._layout and "write_date" in self._layout.fields:
            ids |= {record["id"] for record in self.reader.records([["write_date", ">=", before]], ["write_date"], LIGHT_PAGE)}
        yield from self._again(client, sorted(ids))

    def _now(self) -> str:
        return written(self.reader.odoo.now() - MARGIN)
