"""Reading one Odoo model: what its fields are, pages of records, ids, control totals. No state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from connectors.contract import Client, Group
from connectors.sources.odoo.fields import Layout, chosen
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.rpc import Failed, Json2, Odoo, Refused, Unknown

Domain = list[Any]
Fetched = TypeVar("Fetched")
IDS = 100_000
"""Ids that are asked for in one call."""
_ATTRIBUTES = ("type", "string", "store", "relation")
_EVERYTHING = {"active_test": False, "bin_size": True}
"""Archived records too; of files and pictures only the size."""


class Reader:
    """One model of one server, as the connector's user sees it."""

    def __init__(self, odoo: Odoo, model: Model, page_size: int, concurrency: int, read_ahead: int = 0) -> None:
        self.odoo, self.model, self.page_size, self.concurrency = odoo, model, page_size, concurrency
        self.read_ahead = read_ahead
        """Records that may wait for the caller."""
        self.described: Mapping[str, Mapping[str, Any]] = {}
        """What ``fields_get`` said, and which of its fields the user may not read."""
        self.forbidden: Sequence[str] = ()

    def layout(self, note: Callable[[str], None]) -> Layout | None:
        """The fields to read, None when Odoo lacks the model. Fields that the user may not read are left out and noted."""
        try:
            described = self.odoo.call(self.model.name, "fields_get", attributes=list(_ATTRIBUTES))
        except Unknown:
            return None
        fields = chosen(described, self.model.unstored)
        good, bad = self._readable([field.name for field in fields])
        self.described, self.forbidden = described, bad
        if bad:
            note(f"Left out, because {self.user} may not read them in {self.model.name}: {', '.join(bad)}")
        return Layout([field for field in fields if field.name in set(good)])

    @property
    def user(self) -> str:
        """Who reads, for messages."""
        return f"Odoo user {self.odoo.login.user}" if self.odoo.login.user else "the API key's user"

    def _readable(self, names: list[str]) -> tuple[list[str], list[str]]:
        """The names that can be read and those that cannot: one forbidden field fails a whole call, so halve."""
        try:
            self.records([], names, limit=1)
        except (Refused, Unknown, Failed):
            if names == ["id"]:
                raise Refused(
                    f"{self.user} may not read {self.model.name}: give it the right in Odoo, or leave the model out"
                ) from None
            if len(names) == 1:
                return [], names
            half = len(names) // 2
            first, second = self._readable(names[:half]), self._readable(names[half:])
            return first[0] + second[0], first[1] + second[1]
        return names, []

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
            context=_EVERYTHING,
            **more,
        )
        return found

    def ids(self, after: int) -> list[int]:
        """The next ids above ``after``, up to :data:`IDS`."""
        found: list[int] = self.odoo.call(
            self.model.name, "search", domain=[["id", ">", after]], order="id", limit=IDS, context=_EVERYTHING
        )
        return found

    def newest(self, model: str | None = None) -> str | None:
        """The highest ``write_date`` of the model (or of another one)."""
        found = self.odoo.call(
            model or self.model.name,
            "search_read",
            domain=[["write_date", "!=", False]],
            fields=["write_date"],
            order="write_date desc",
            limit=1,
            load="",
            context=_EVERYTHING,
        )
        return str(found[0]["write_date"]) if found else None

    def pages(self, after: int, layout: Layout, client: Client) -> Iterator[tuple[int, pa.RecordBatch]]:
        """All records above the id ``after`` in order of id, with the id up to which they are complete; fetched ahead."""

        def page(low: int, high: int) -> tuple[int, pa.RecordBatch]:
            return high, self._batch([["id", ">", low], ["id", "<=", high]], layout)

        def jobs() -> Iterator[Callable[[], tuple[int, pa.RecordBatch]]]:
            low, ids = after, [0] * IDS
            while len(ids) == IDS:
                ids = self.ids(low)
                for last in range(self.page_size - 1, len(ids) + self.page_size - 1, self.page_size):
                    high = ids[min(last, len(ids) - 1)]
                    yield partial(page, low, high)
                    low = high

        yield from self._ahead(jobs(), client)

    def again(self, ids: Sequence[int], layout: Layout, client: Client) -> Iterator[tuple[Sequence[int], pa.RecordBatch]]:
        """These ids and the records that they still are."""

        def page(part: Sequence[int]) -> tuple[Sequence[int], pa.RecordBatch]:
            return part, self._batch([["id", "in", list(part)]], layout)

        parts = (ids[start : start + self.page_size] for start in range(0, len(ids), self.page_size))
        yield from self._ahead((partial(page, part) for part in parts), client)

    def _batch(self, domain: Domain, layout: Layout) -> pa.RecordBatch:
        return layout.batch(self.records(domain, layout.names, shape=layout.record))

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

    def totals(self, by: Sequence[str], sums: Sequence[str]) -> tuple[dict[Group, tuple[Any, ...]], dict[Group, str]]:
        """Odoo's own totals in the shape of :meth:`Loaded.totals`, and each group's name for people."""
        if not by and not sums:
            count = self.odoo.call(self.model.name, "search_count", domain=[], context=_EVERYTHING)
            return ({(): (count,)} if count else {}), {(): "all records"}
        found = self._grouped(by, sums)
        totals = {tuple(_value(row, spec) for spec in by): _sums(row, sums) for row in found}
        names = {tuple(_value(row, spec) for spec in by): ", ".join(_label(row, spec) for spec in by) for row in found}
        return totals, names

    def _grouped(self, by: Sequence[str], sums: Sequence[str]) -> list[dict[str, Any]]:
        if isinstance(self.odoo, Json2):
            rows: list[dict[str, Any]] = self.odoo.call(
                self.model.name,
                "formatted_read_group",
                domain=[],
                groupby=list(by),
                aggregates=[*(f"{name}:sum" for name in sums), "__count"],
                context=_EVERYTHING,
            )
            return [{**row, **{name: row[f"{name}:sum"] for name in sums}} for row in rows]
        grouped: list[dict[str, Any]] = self.odoo.call(
            self.model.name,
            "read_group",
            domain=[],
            fields=[f"{name}:sum" for name in sums],
            groupby=list(by),
            lazy=False,
            context=_EVERYTHING,
        )
        return grouped


def group_domain(by: Sequence[str], group: Group) -> Domain:
    """The records of one group."""
    domain: Domain = []
    for spec, value in zip(by, group, strict=True):
        name, _, unit = spec.partition(":")
        if value is None:
            domain.append([name, "=", False])
        elif unit == "month":
            after = date(value.year + value.month // 12, value.month % 12 + 1, 1)
            domain += [[name, ">=", value.isoformat()], [name, "<", after.isoformat()]]
        else:
            domain.append([name, "=", value])
    return domain


def stamp(text: Any) -> datetime | None:
    """An Odoo datetime (UTC, whole seconds)."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def decimal(value: Any) -> Decimal:
    """An Odoo number as exactly as it was sent."""
    return Decimal(repr(value)) if value else Decimal(0)


def _value(row: Mapping[str, Any], spec: str) -> Any:
    value = row[spec]
    if spec.endswith(":month"):
        if isinstance(value, list):
            return date.fromisoformat(value[0][:10])
        ranges = row.get("__range") or {}
        bounds = ranges.get(spec) or ranges.get(spec.partition(":")[0])
        return date.fromisoformat(bounds["from"][:10]) if bounds else None
    if isinstance(value, list | tuple):
        return value[0]
    return None if value is False else value


def _label(row: Mapping[str, Any], spec: str) -> str:
    value = _value(row, spec)
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    shown = row[spec]
    return str(shown[1] if isinstance(shown, list | tuple) else "none" if value is None else shown)


def _sums(row: Mapping[str, Any], sums: Sequence[str]) -> tuple[Any, ...]:
    return row["__count"], *(decimal(row.get(name)) for name in sums)
