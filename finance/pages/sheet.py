"""A statement as accountants print it: lines and columns with the figures of each period, comparison and variance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from finance.api.exports import Cell as Exported
from finance.api.exports import Row, Table
from finance.queries import NONE

Kind = Literal["heading", "type", "figure", "subtotal", "total"]
Key = tuple[str, int, int]
"""An account: its connector's name, its company's id, its own id."""


class Spec(NamedTuple):
    """A line of a statement: ``name`` is the figure it shows; a ``type`` line opens to the accounts of that name."""

    kind: Kind
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Slot:
    """The figures of one period (or up to one day, from ``first`` on for what lies behind them)."""

    title: str
    first: date
    last: date
    figures: Mapping[str, Decimal]
    accounts: Mapping[Key, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """What stands under a heading: an amount, what it is compared with, or how they differ."""

    title: str
    kind: Literal["amount", "compared", "variance", "share"]
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure; ``url`` leads to what it counts. A share is a ratio, all others are amounts."""

    column: Column
    value: Decimal | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its cells; ``accounts`` are the lines that it opens to."""

    kind: Kind | Literal["account"]
    name: str
    label: str
    cells: Sequence[Cell]
    code: str = ""
    hint: str = ""
    accounts: Sequence[Line] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement in one currency."""

    currency: str
    decimals: int
    columns: Sequence[Column]
    lines: Sequence[Line]

    def table(self) -> Table:
        """The same as a file has it: every account, whether open on the page or not."""
        return Table(self.currency, self.decimals, self._rows())

    def _rows(self) -> Iterator[Row]:
        titles = [one.title if one.kind == "share" else f"{one.title} ({self.currency})" for one in self.columns]
        yield ["Code", "Account", *titles]
        for line in self.lines:
            yield [line.code or None, line.label, *map(_exported, line.cells)]
            for account in line.accounts:
                yield [account.code, account.label, *map(_exported, account.cells)]


def _exported(cell: Cell) -> Exported:
    if cell.column.kind != "share" or cell.value is None:
        return cell.value
    return f"{100 * cell.value:.1f}%"


def columns(pairs: Sequence[tuple[Slot, Slot | None]]) -> list[Column]:
    """For each period its amounts, and with a comparison that, the variance and the variance in per cent."""
    found = list[Column]()
    for now, before in pairs:
        found.append(Column(now.title, "amount", now))
        if before is not None:
            found += [Column(before.title, "compared", before), Column("Variance", "variance"), Column("%", "share")]
    return found


def cells(across: Sequence[Column], values: Sequence[Decimal], urls: Sequence[str] = ()) -> list[Cell]:
    """The cells of a line: ``values`` (and ``urls``) are those of the columns that hold figures; the others are computed."""
    found, place = list[Cell](), -1
    for column in across:
        if column.slot is not None:
            place += 1
            found.append(Cell(column, values[place], urls[place] if urls else ""))
        else:
            now, before = values[place - 1], values[place]
            changed = now - before
            found.append(Cell(column, changed if column.kind == "variance" else changed / abs(before) if before else None))
    return found


def lines(
    specs: Sequence[Spec], across: Sequence[Column], accounts: Mapping[Key, Mapping[str, Any]], link: Any, *, hints: bool
) -> list[Line]:
    """The lines of a statement. ``accounts`` says of each its group, code and name, ``link(key, slot)`` leads to its items."""
    slots = [column.slot for column in across if column.slot is not None]
    grouped: dict[str, list[tuple[Key, Mapping[str, Any]]]] = {}
    for key, one in sorted(accounts.items(), key=lambda pair: (pair[1]["code"], pair[0])):
        if any(slot.accounts.get(key) for slot in slots):
            grouped.setdefault(one["group"], []).append((key, one))
    found = list[Line]()
    for spec in specs:
        inside = [
            Line(
                "account",
                str(key[2]),
                one["name"],
                cells(across, [slot.accounts.get(key, NONE) for slot in slots], [link(key, slot) for slot in slots]),
                code=one["code"],
                hint=one["company"] if hints else "",
            )
            for key, one in (grouped.get(spec.name, []) if spec.kind == "type" else [])
        ]
        values = [] if spec.kind == "heading" else cells(across, [slot.figures[spec.name] for slot in slots])
        found.append(Line(spec.kind, spec.name, spec.label, values, accounts=inside))
    return found
