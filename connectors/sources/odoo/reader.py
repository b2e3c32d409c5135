"""Reading one Odoo model: what its fields are, pages of records, ids."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from connectors.contract import Client, StopStream
from connectors.sources.odoo.errors import Failed, Refused, Unknown
from connectors.sources.odoo.fields import Layout, chosen
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.rpc import Odoo

Domain = list[Any]
Fetched = TypeVar("Fetched")
IDS = 100_000
"""Ids that are asked for in one call."""
LIGHT_PAGE = 20_000
"""Records of which only a few fields are asked."""
BELOW = -(2**31)
"""Below all ids: rows of SQL views may have negative ones."""
FIRST_PAGE = 500
"""Records of the first pages, until it is known how large they are."""
PAGE_BYTES = 32 << 20
"""What a page of records is to hold at most, as columns."""
SMALLEST_PAGE = 10
_ATTRIBUTES = ("type", "string", "store", "relation")
EVERYTHING = {"active_test": False, "bin_size": True}
"""Archived records too; of files and pictures only the size."""


class _Stamped(msgspec.Struct):
    write_date: str


class Reader:
    """One model of one server, as the connector's user sees it."""

    def __init__(self, odoo: Odoo, model: Model, page_size: int, concurrency: int, read_ahead: int = 0) -> None:
        self.odoo, self.model, self.page_size, self.concurrency = odoo, model, page_size, concurrency
        self._size = min(page_size, FIRST_PAGE)
        """Records that are asked for in one call now."""
        self.read_ahead = read_ahead
        """Records that may wait for the caller."""
        self.described: Mapping[str, Mapping[str, Any]] = {}
        """What ``fields_get`` said."""
        self.unreadable: Mapping[str, str] = {}
        """Which of the fields cannot be read, and why: Odoo's words, or empty for a missing right."""

    def layout(self, note: Callable[[str], None], known: Mapping[str, str] | None = None) -> Layout | None:
        """The fields to read, None when Odoo lacks the model. Fields that cannot be read are left out and noted.

        ``known``: only these could not be read the last time, the others could; else all are tried.
        """
        try:
            described = self.odoo.call_as(dict[str, dict[str, Any]], self.model.name, "fields_get", attributes=list(_ATTRIBUTES))
        except Unknown:
            return None
        fields = chosen(described, self.model.unstored)
        tried = [field.name for field in fields if known is None or field.name in known]
        self.described, self.unreadable = described, self._unreadable(tried) if tried else {}
        for why in sorted(set(self.unreadable.values())):
            names = ", ".join(name for name, reason in self.unreadable.items() if reason == why)
            reason = f"because Odoo fails on them ({why})" if why else f"because {self.user} may not read them"
            note(f"Left out, {reason} in {self.model.name}: {names}")
        return Layout([field for field in fields if field.name not in self.unreadable], self.model.name, note)

    @property
    def user(self) -> str:
        """Who reads, for messages."""
        return self.odoo.login.who

    def _unreadable(self, names: list[str]) -> dict[str, str]:
        """Those of the names that cannot be read, and why: one such field fails a whole call, so halve."""
        try:
            self.records([], names, limit=1)
        except (Refused, Unknown, Failed) as error:
            if names == ["id"]:
                if not isinstance(error, Refused):
                    raise
                raise Refused(
                    f"{self.user} may not read {self.model.name}: give it the right in Odoo, or leave the model out"
                ) from None
            if len(names) == 1:
                return {names[0]: "" if isinstance(error, Refused) else str(error)}
            half = len(names) // 2
            return self._unreadable(names[:half]) | self._unreadable(names[half:])
        return {}

    def records(
        self, domain: Domain, fields: Sequence[str], limit: int | None = None, order: str = "id", shape: Any = dict[str, Any]
    ) -> list[Any]:
        """Records with bare ids in place of ``[id, label]``."""
        more: dict[str, Any] = {} if limit is None else {"limit": limit}
        found: list[Any] = self.odoo.call_as(
            list[shape],
            self.model.name,
            "search_read",
            domain=domain,
            fields=list(fields),
            order=order,
            load="",
            context=EVERYTHING,
            **more,
        )
        return found

    def ids(self, after: int) -> list[int]:
        """The next ids above ``after``, up to :data:`IDS`. StopStream when several records share one."""
        found: list[int] = self.odoo.call_as(
            list[int],
            self.model.name,
            "search",
            domain=[["id", ">", after]],
            order="id",
            limit=IDS,
            context=EVERYTHING,
        )
        if len(set(found)) < len(found):
            twice = [str(one) for one, other in pairwise(found) if one == other]
            shown = ", ".join(list(dict.fromkeys(twice))[:5])
            raise StopStream(
                f"Several records of {self.model.name} have the same id ({shown}), which tells rows apart here: leave the model out"
            )
        return found

    def count(self) -> int:
        """How many records the user sees."""
        found: int = self.odoo.call_as(int, self.model.name, "search_count", domain=[], context=EVERYTHING)
        return found

    def newest(self, model: str | None = None) -> str | None:
        """The highest ``write_date`` of the model (or of another one); now, where one lies in the future."""
        found = self.odoo.call_as(
            list[_Stamped],
            model or self.model.name,
            "search_read",
            domain=[["write_date", "!=", False]],
            fields=["write_date"],
            order="write_date desc",
            limit=1,
            load="",
            context=EVERYTHING,
        )
        return min(found[0].write_date, self.now()) if found else None

    def now(self) -> str:
        """The server's clock in the form of its stamps."""
        return written(self.odoo.now())

    def pages(self, after: int, layout: Layout, client: Client) -> Iterator[tuple[int, pa.RecordBatch]]:
        """All records above the id ``after`` in order of id, with the id up to which they are complete; fetched ahead."""

        def page(low: int, high: int) -> tuple[int, pa.RecordBatch]:
            return high, self._batch([["id", ">", low], ["id", "<=", high]], layout)

        def jobs() -> Iterator[Callable[[], tuple[int, pa.RecordBatch]]]:
            low, ids = after, [0] * IDS
            while len(ids) == IDS:
                ids, start = self.ids(low), 0
                while start < len(ids):
                    start += self._size
                    high = ids[min(start, len(ids)) - 1]
                    yield partial(page, low, high)
                    low = high

        yield from self._ahead(jobs(), client)

    def again(self, ids: Sequence[int], layout: Layout, client: Client) -> Iterator[tuple[Sequence[int], pa.RecordBatch]]:
        """These ids and the records that they still are."""

        def page(part: Sequence[int]) -> tuple[Sequence[int], pa.RecordBatch]:
            return part, self._batch([["id", "in", list(part)]], layout)

        def jobs() -> Iterator[Callable[[], tuple[Sequence[int], pa.RecordBatch]]]:
            start = 0
            while start < len(ids):
                end = start + self._size
                yield partial(page, ids[start:end])
                start = end

        yield from self._ahead(jobs(), client)

    def _batch(self, domain: Domain, layout: Layout) -> pa.RecordBatch:
        """A page; the next ones have as many records as fit :data:`PAGE_BYTES`, by the size of these."""
        batch = layout.batch(self.records(domain, layout.names, shape=layout.record))
        if batch.num_rows:
            fitting = PAGE_BYTES * batch.num_rows // max(1, batch.nbytes)
            self._size = min(self.page_size, max(SMALLEST_PAGE, fitting))
        return batch

    def _ahead(self, jobs: Iterable[Callable[[], Fetched]], client: Client) -> Iterator[Fetched]:
        """The jobs' results in order: ``concurrency`` under way, and as many done as the caller may take at once."""
        pool = ThreadPoolExecutor(self.concurrency, "odoo")
        waiting: deque[Future[Fetched]] = deque()
        most = self.concurrency + -(-self.read_ahead // self.page_size)
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting and not client.stopping():
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def stamp(text: Any) -> datetime | None:
    """An Odoo datetime (UTC, whole seconds); None for none, and for one that is not of the calendar."""
    try:
        return datetime.fromisoformat(f"{text:0>19}").replace(tzinfo=UTC) if text else None
    except (TypeError, ValueError):
        return None


def written(moment: datetime) -> str:
    """A moment as Odoo's stamps are written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
