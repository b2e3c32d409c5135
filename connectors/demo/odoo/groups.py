"""``read_group`` and ``formatted_read_group``: sums over groups, dates by day, week, month, quarter or year."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from connectors.demo.odoo.errors import InvalidValue
from connectors.demo.odoo.store import Row, Store

AGGREGATE = re.compile(r"(\w+)(?::(\w+)(?:\((\w+)\))?)?$")
FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: math.fsum(values),
    "avg": lambda values: math.fsum(values) / len(values) if values else False,
    "min": lambda values: min(values, default=False),
    "max": lambda values: max(values, default=False),
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "array_agg": list,
}
Key = tuple[Any, ...]


def period(value: str, unit: str) -> tuple[date, date, str]:
    """The first day of the period around a date, the first day after it, and its label."""
    day = date.fromisoformat(value[:10])
    if unit == "day":
        return day, day + timedelta(1), f"{day:%d %b %Y}"
    if unit == "week":
        start = day - timedelta(day.weekday())
        return start, start + timedelta(7), "W{1} {0}".format(*start.isocalendar())
    months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
    if months is None:
        raise InvalidValue(f"Invalid granularity {unit!r}")
    first = (day.month - 1) // months * months
    start = date(day.year, first + 1, 1)
    last = day.year == date.max.year and first + months == 12
    end = date.max if last else date(day.year + (first + months) // 12, (first + months) % 12 + 1, 1)
    labels = {"month": f"{start:%B %Y}", "quarter": f"Q{first // 3 + 1} {start.year}", "year": f"{start.year}"}
    return start, end, labels[unit]


class Grouping:
    """Rows of one model in groups; ``specs`` such as ``account_id`` or ``date:month``. Raises InvalidValue."""

    def __init__(self, store: Store, model: str, rows: Sequence[Row], specs: Sequence[str]) -> None:
        self.store, self.model, self.specs = store, model, list(specs)
        self.columns = [self.column(spec) for spec in self.specs]
        self.groups: dict[Key, list[Row]] = {}
        for row in rows:
            self.groups.setdefault(tuple(column(row) for column in self.columns), []).append(row)
        if not self.specs:
            self.groups.setdefault((), list(rows))

    def field(self, name: str) -> dict[str, Any]:
        found = self.store.models[self.model].fields.get(name)
        if found is None:
            raise InvalidValue(f"Invalid field {name!r} on model {self.model!r}")
        return found

    def column(self, spec: str) -> Callable[[Row], Any]:
        """The group value of a row: raw, or the period's first day."""
        name, _, unit = spec.partition(":")
        kind = self.field(name)["type"]
        if kind not in ("date", "datetime"):
            return lambda row: self.store.value(self.model, row, name)

        def start(row: Row) -> Any:
            found = self.store.value(self.model, row, name)
            return found and period(found, unit or "month")[0].isoformat()

        return start

    def ordered(self) -> list[Key]:
        """Group keys as Odoo sorts them: by label over relations, empty last."""
        return sorted(self.groups, key=lambda key: [self.sort_value(*pair) for pair in zip(self.specs, key, strict=True)])

    def sort_value(self, spec: str, value: Any) -> tuple[bool, Any]:
        field = self.field(spec.partition(":")[0])
        if value is False and field["type"] != "boolean":
            return True, ""
        return False, self.store.label(field["relation"], value) if "relation" in field else value

    def shown(self, spec: str, value: Any) -> Any:
        """A many2one as ``[id, label]``, the rest as it is."""
        field = self.field(spec.partition(":")[0])
        return [value, self.store.label(field["relation"], value)] if value and "relation" in field else value

    def domain(self, key: Key) -> list[Any]:
        """The leaves that select one group."""
        leaves: list[Any] = []
        for spec, value in zip(self.specs, key, strict=True):
            name, _, unit = spec.partition(":")
            if value and self.field(name)["type"] in ("date", "datetime"):
                start, end, _ = period(value, unit or "month")
                leaves += ["&", [name, ">=", start.isoformat()], [name, "<", end.isoformat()]]
            else:
                leaves.append([name, "=", value])
        return leaves

    def aggregate(self, rows: list[Row], name: str, function: str) -> Any:
        """One figure of a group; money rounded to cents."""
        field = self.field(name)
        if function not in FUNCTIONS:
            raise InvalidValue(f"Invalid aggregate method {function!r} for field {name!r}")
        values = [self.store.value(self.model, row, name) for row in rows]
        found = FUNCTIONS[function]([value for value in values if value is not False])
        return round(found, 2) if field["type"] == "monetary" and isinstance(found, float) else found


def read_group(grouping: Grouping, domain: Sequence[Any], aggregates: Sequence[str], *, lazy: bool) -> list[Row]:
    """The answer of ``read_group``: labels for periods, ``__range`` beside them, ``__domain`` per group."""
    wanted = [found.groups() for spec in aggregates if (found := AGGREGATE.match(spec))]
    grouped = {spec.partition(":")[0] for spec in grouping.specs}
    out: list[Row] = []
    for key in grouping.ordered():
        rows, group, ranges = grouping.groups[key], {}, {}
        for spec, value in zip(grouping.specs, key, strict=True):
            name, _, unit = spec.partition(":")
            group[spec] = grouping.shown(spec, value)
            if value and grouping.field(name)["type"] in ("date", "datetime"):
                start, end, group[spec] = period(value, unit or "month")
                ranges[spec] = {"from": start.isoformat(), "to": end.isoformat()}
        group[f"{grouping.specs[0].partition(':')[0]}_count" if lazy and grouping.specs else "__count"] = len(rows)
        for alias, function, source in wanted:
            if alias not in grouped and alias not in ("id", "__count"):
                group[alias] = grouping.aggregate(rows, source or alias, function or "sum")
        group["__domain"] = joined(domain, grouping.domain(key))
        out.append(group | ({"__range": ranges} if ranges else {}))
    return out


def joined(domain: Sequence[Any], more: list[Any]) -> list[Any]:
    """Two domains joined by AND, in Polish notation."""
    count = sum(isinstance(item, list | tuple) for item in [*domain, *more])
    operators = sum(1 if item in ("&", "|") else 0 for item in [*domain, *more])
    return ["&"] * max(0, count - operators - 1) + [*domain, *more]


def formatted_read_group(grouping: Grouping, aggregates: Sequence[str]) -> list[Row]:
    """The answer of ``formatted_read_group`` (Odoo 19): periods as ``[first day, label]``, ``__extra_domain``."""
    out: list[Row] = []
    for key in grouping.ordered():
        group: Row = {}
        for spec, value in zip(grouping.specs, key, strict=True):
            name, _, unit = spec.partition(":")
            group[spec] = grouping.shown(spec, value)
            if value and grouping.field(name)["type"] in ("date", "datetime"):
                group[spec] = [value, period(value, unit or "month")[2]]
        group["__extra_domain"] = grouping.domain(key)
        for spec in aggregates:
            name, _, function = spec.partition(":")
            rows = grouping.groups[key]
            group[spec] = len(rows) if spec == "__count" else grouping.aggregate(rows, name, function or "sum")
        out.append(group)
    return out
