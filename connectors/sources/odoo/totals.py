"""Odoo's own totals over groups of records, which bronze is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.contract import Group, StopStream
from connectors.sources.odoo.reader import EVERYTHING, Domain, Reader
from connectors.sources.odoo.rpc import Json2


def totals(reader: Reader, by: Sequence[str], sums: Sequence[str]) -> tuple[dict[Group, tuple[Any, ...]], dict[Group, str]]:
    """Odoo's own totals in the shape of :meth:`Loaded.totals`, and each group's name for people."""
    if not by and not sums:
        count = reader.count()
        return ({(): (count,)} if count else {}), {(): "all records"}
    try:
        found = _grouped(reader, by, sums)
        by_group = {tuple(_value(row, spec) for spec in by): _sums(row, sums) for row in found}
        names = {tuple(_value(row, spec) for spec in by): ", ".join(_label(row, spec) for spec in by) for row in found}
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise StopStream(
            f"The totals of {reader.model.name} by {', '.join(by)} have another form than Odoo gives them ({error!r})"
        ) from None
    return by_group, names


def _grouped(reader: Reader, by: Sequence[str], sums: Sequence[str]) -> list[dict[str, Any]]:
    if isinstance(reader.odoo, Json2):
        rows: list[dict[str, Any]] = reader.odoo.call_as(
            list[dict[str, Any]],
            reader.model.name,
            "formatted_read_group",
            domain=[],
            groupby=list(by),
            aggregates=[*(f"{name}:sum" for name in sums), "__count"],
            context=EVERYTHING,
        )
        return [{**row, **{name: row[f"{name}:sum"] for name in sums}} for row in rows]
    grouped: list[dict[str, Any]] = reader.odoo.call_as(
        list[dict[str, Any]],
        reader.model.name,
        "read_group",
        domain=[],
        fields=[f"{name}:sum" for name in sums],
        groupby=list(by),
        lazy=False,
        context=EVERYTHING,
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
            domain.append([name, ">=", value.isoformat()])
            if (value.year, value.month) != (date.max.year, 12):
                domain.append([name, "<", date(value.year + value.month // 12, value.month % 12 + 1, 1).isoformat()])
        else:
            domain.append([name, "=", value])
    return domain


def day(text: str) -> date:
    """A day, also of a year that has fewer than four digits."""
    return date.fromisoformat(f"{text.partition(' ')[0]:0>10}")


def decimal(value: Any) -> Decimal:
    """An Odoo number as exactly as it was sent; NaN for what is none."""
    if isinstance(value, int | float):
        return Decimal(repr(value)) if value else Decimal(0)
    return Decimal("NaN") if value else Decimal(0)


def _value(row: Mapping[str, Any], spec: str) -> Any:
    value = row[spec]
    if spec.endswith(":month"):
        if isinstance(value, list):
            return day(value[0])
        ranges = row.get("__range") or {}
        bounds = ranges.get(spec) or ranges.get(spec.partition(":")[0])
        return day(bounds["from"]) if bounds else None
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
    count = row["__count"]
    if type(count) is not int:
        raise TypeError(f"a count of {count!r}")
    return count, *(decimal(row.get(name)) for name in sums)
