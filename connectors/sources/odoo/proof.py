"""The ledger proof: Odoo's control totals against what is loaded, and which records make a difference."""

from __future__ import annotations

from collections.abc import Container, Sequence
from decimal import Decimal
from typing import Any

from connectors.contract import Group, Loaded, Proof
from connectors.sources.odoo.models import Model
from connectors.sources.odoo.reader import IDS, Reader, decimal, group_domain

TOLERANCE = Decimal("0.0005")
"""Sums come as floating point; currencies have up to three decimals."""
MOST_GROUPS = 200
"""Groups that are looked into record by record, per comparison."""
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


def compare(reader: Reader, loaded: Loaded, by: Sequence[str], sums: Sequence[str]) -> Proof:
    """Compare counts and sums by group; look into the groups that differ."""
    theirs, names = reader.totals(by, sums)
    ours = loaded.totals(by, sums)
    differing = [group for group in theirs.keys() | ours.keys() if not _equal(theirs.get(group), ours.get(group))]
    differences, suspects = list[dict[str, Any]](), set[int]()
    for group in sorted(differing, key=str)[:MOST_GROUPS]:
        ids = _culprits(reader, loaded, by, group, sums)
        suspects |= set(ids)
        name = names.get(group) or ", ".join(map(str, group))
        differences.append(_difference(reader, name, by, sums, group, theirs.get(group), ours.get(group), ids))
    checked = len(theirs.keys() | ours.keys()) * (1 + len(sums))
    records = sum(values[0] for values in theirs.values())
    unproven, warnings = gaps(reader, by, sums, records)
    return Proof(checked, differences, sorted(suspects), f"Odoo at {reader.odoo.place}", records, unproven, warnings)


def compare_ids(reader: Reader, loaded: Loaded) -> tuple[list[int], list[int]]:
    """The ids that only Odoo has and those that only bronze has. Memory holds one page of ids."""
    missing, extra, after = list[int](), list[int](), 0
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
    return left[0] == right[0] and all(abs(one - other) < TOLERANCE for one, other in zip(left[1:], right[1:], strict=True))


def _culprits(reader: Reader, loaded: Loaded, by: Sequence[str], group: Group, sums: Sequence[str]) -> list[int]:
    """The ids of the group's records that differ, on either side."""
    if not by:
        missing, extra = compare_ids(reader, loaded)
        return sorted([*missing, *extra])
    records = reader.records(group_domain(by, group), sums)
    theirs = {record["id"]: tuple(decimal(record[name]) for name in sums) for record in records}
    ours = {key: tuple(value or Decimal(0) for value in row) for key, row in loaded.members(by, group, sums).items()}
    return sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))


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
