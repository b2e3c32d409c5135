"""The ledger proof: Odoo's control totals against what is loaded, and which records make a difference."""

from __future__ import annotations

from collections.abc import Container, Sequence
from decimal import Decimal
from typing import Any

from connectors.contract import Group, Loaded, Proof
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.reader import BELOW, IDS, LIGHT_PAGE, Reader
from connectors.sources.odoo.totals import day, decimal, group_domain, totals

TOLERANCE = Decimal("0.0005")
"""Sums come as floating point; currencies have up to three decimals."""
NOISE = Decimal(2) ** -51
"""What floating point may make of a sum, in parts of it: more than the tolerance above some 1e12."""
MOST_GROUPS = 100
"""Groups that are looked into one by one; where more differ, all records are compared."""
MOST_IDS = 20
"""Ids that one difference names."""


RIGHTS = (
    'give the user "Billing Administrator" of Invoicing, or "Show Full Accounting Features - Readonly" ("Auditor" or "Read-only"'
    " where the Accounting app is installed), and the companies to be read"
)
"""What a user needs to see a whole ledger; docs/runbooks/odoo.md says where to set it."""


def controls(model: Model, fields: Container[str] | None) -> tuple[list[str], list[str]]:
    """The groups and sums that can be compared with these fields; None: all are there."""
    if fields is None:
        return list(model.by), list(model.sums)
    there = [spec for spec in model.by if spec.partition(":")[0] in fields]
    return there, [name for name in model.sums if name in fields] if there else []


def gaps(reader: Reader, by: Sequence[str], sums: Sequence[str], records: int | None) -> tuple[list[str], list[str]]:
    """What a comparison by these groups and sums leaves unproven: the columns, and a line for each reason."""
    model, lines = reader.model, list[str]()
    unproven = [name for name in model.sums if name not in sums]
    lost = [spec.partition(":")[0] for spec in model.by if spec not in by]
    if unproven:
        lines.append(
            f"{reader.user} does not see {', '.join(unproven)} of {model.name}: these sums were not compared with Odoo."
            " Give it the right to read them and run again"
        )
    if lost:
        lines.append(f"{reader.user} does not see {', '.join(lost)} of {model.name}: totals were compared in larger groups")
    if records == 0 and model.expected:
        lines.append(f"{reader.user} sees no {model.expected} ({model.name}), and 0 = 0 proves nothing. If Odoo has some, {RIGHTS}")
    return unproven, lines


def compare(reader: Reader, loaded: Loaded, by: Sequence[str], sums: Sequence[str], looked: str | None = None) -> Proof:
    """Compare counts and sums by group; look into the groups that differ, where records that agree one by one are no difference.

    ``looked``: records with this stamp or a later one have changed since they were read; None where there are no stamps.
    """
    theirs, names = totals(reader, by, sums)
    ours = loaded.totals(by, sums)
    differing = [group for group in theirs.keys() | ours.keys() if not _equal(theirs.get(group), ours.get(group))]
    search = _Search(reader, loaded, by, sums, looked)
    found = search.among(sorted(differing, key=str))
    differences = [
        _difference(
            reader, names.get(group) or ", ".join(map(str, group)), by, sums, group, theirs.get(group), ours.get(group), ids
        )
        for group, ids in found.items()
    ]
    checked = len(theirs.keys() | ours.keys()) * (1 + len(sums))
    records = sum(values[0] for values in theirs.values())
    unproven, warnings = gaps(reader, by, sums, records)
    return Proof(
        checked,
        differences,
        sorted(search.suspects),
        f"Odoo at {reader.odoo.place}",
        records,
        unproven,
        warnings,
        moving=bool(search.suspects) and search.suspects <= search.moving,
    )


class _Search:
    """Which records make groups differ. ``moving`` are those that Odoo has changed since they were read."""

    def __init__(self, reader: Reader, loaded: Loaded, by: Sequence[str], sums: Sequence[str], looked: str | None) -> None:
        self._reader, self._loaded, self._by, self._sums, self._looked = reader, loaded, by, sums, looked
        self.suspects: set[int] = set()
        self.moving: set[int] = set()

    def among(self, groups: Sequence[Group]) -> dict[Group, list[int]]:
        """The groups that differ indeed, with the ids that were found in each."""
        if len(groups) > MOST_GROUPS:
            self._everywhere()
            return {group: [] for group in groups} if self.suspects else {}
        found = {group: self._within(group) for group in groups}
        self.suspects.update(*found.values())
        return {group: ids for group, ids in found.items() if ids}

    def _within(self, group: Group) -> list[int]:
        """The ids of the group's records that differ, on either side."""
        if not self._by:
            missing, extra = compare_ids(self._reader, self._loaded)
            if self._looked:
                self._records([["id", "in", missing[:LIGHT_PAGE]]], [])
            return sorted([*missing, *extra])
        sums = self._sums
        records = self._records(group_domain(self._by, group), sums)
        theirs = {record["id"]: tuple(decimal(record[name]) for name in sums) for record in records}
        ours = {key: _decimals(row) for key, row in self._loaded.members(self._by, group, sums).items()}
        return sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))

    def _everywhere(self) -> None:
        """Compare all records: groups and sums of each. Memory holds one page."""
        plain = [spec.partition(":")[0] for spec in self._by]
        names, width, after, upto = [*plain, *self._sums], len(plain), BELOW, None
        while True:
            records = self._records([["id", ">", after]], names, LIGHT_PAGE)
            upto = records[-1]["id"] if len(records) == LIGHT_PAGE else None
            theirs = {
                record["id"]: (
                    *(_alike(record[name], spec) for name, spec in zip(plain, self._by, strict=True)),
                    *(decimal(record[name]) for name in self._sums),
                )
                for record in records
            }
            rows = self._loaded.values(names, self._loaded.keys(after, upto))
            ours = {key: (*map(_alike, row[:width], self._by), *_decimals(row[width:])) for key, row in rows.items()}
            self.suspects |= {key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)}
            if upto is None:
                return
            after = upto

    def _records(self, domain: list[Any], names: Sequence[str], limit: int | None = None) -> list[dict[str, Any]]:
        stamps = ["write_date"] if self._looked else []
        found: list[dict[str, Any]] = self._reader.records(domain, [*names, *stamps], limit)
        if self._looked:
            self.moving |= {record["id"] for record in found if str(record["write_date"] or "") >= self._looked}
        return found


def _decimals(row: Sequence[Any]) -> tuple[Decimal, ...]:
    return tuple(value or Decimal(0) for value in row)


def _alike(value: Any, spec: str) -> str | None:
    """A group's value in the same form from both sides."""
    if value is None or value is False:
        return None
    return str(day(str(value)) if ":" in spec else value)


def compare_ids(reader: Reader, loaded: Loaded) -> tuple[list[int], list[int]]:
    """The ids that only Odoo has and those that only bronze has. Memory holds one page of ids."""
    missing, extra, after = list[int](), list[int](), BELOW
    while True:
        theirs = reader.ids(after)
        upto = theirs[-1] if len(theirs) == IDS else None
        ours = loaded.keys(after, upto)
        if theirs != ours:
            missing += sorted(set(theirs) - set(ours))
            extra += sorted(set(ours) - set(theirs))
        if upto is None:
            return missing, extra
        after = upto


def _equal(theirs: tuple[Any, ...] | None, ours: tuple[Any, ...] | None) -> bool:
    """A group that one side does not have is one without records."""
    left, right = theirs or (0,), ours or (0,)
    if not left[0] or not right[0]:
        return bool(left[0] == right[0])
    return left[0] == right[0] and all(map(_close, left[1:], right[1:]))


def _close(one: Decimal, other: Decimal) -> bool:
    """Equal but for the noise of floating point; NaN equals nothing."""
    return one.is_finite() and other.is_finite() and abs(one - other) < max(TOLERANCE, abs(one) * NOISE)


def _difference(
    reader: Reader,
    name: str,
    by: Sequence[str],
    sums: Sequence[str],
    group: Group,
    theirs: tuple[Any, ...] | None,
    ours: tuple[Any, ...] | None,
    ids: list[int],
) -> dict[str, Any]:
    source, loaded = _named(sums, theirs), _named(sums, ours)
    unequal = [key for key in source if source[key] != loaded[key]]
    values = ", ".join(f"{key} {source[key]} in Odoo but {loaded[key]} loaded" for key in unequal)
    shown = ", ".join(map(str, ids[:MOST_IDS])) + (f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else "")
    return {
        "what": f"{reader.model.name}, {name}: {values or 'the records differ'}" + (f" (ids {shown})" if ids else ""),
        "model": reader.model.name,
        "group": {spec: None if value is None else str(value) for spec, value in zip(by, group, strict=True)},
        "source": source,
        "loaded": loaded,
        "ids": ids[:MOST_IDS],
    }


def _named(sums: Sequence[str], totals: tuple[Any, ...] | None) -> dict[str, Any]:
    values = totals or (0, *(Decimal(0) for _ in sums))
    return {"records": values[0], **{name: f"{value:.2f}" for name, value in zip(sums, values[1:], strict=True)}}
