"""Column names: any header becomes identifiers that Postgres takes and that collide with nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.contract import StopStream

META = ("_connector_id", "_tenant_id", "_run_id", "_loaded_at", "_deleted_at", "_part", "_row", "_raw")
_SYSTEM = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")
LONGEST = 63
MOST = 1_600 - len(META)


def column_names(header: Sequence[str]) -> list[str]:
    """The column for each name of the header, in order: unique whatever the letter case, at most 63 bytes.

    A name that nothing collides with stays as it is. The second ``a`` becomes ``a_2``; a name of ours (``_row``)
    or of Postgres (``xmin``) gets ``_2`` too; an empty one becomes ``column_3`` in the third place.
    """
    if len(header) > MOST:
        raise StopStream(f"{len(header)} columns; a PostgreSQL table holds {MOST} of data: split the file or drop columns")
    wished = [_cut(name.replace("\x00", "").strip(), LONGEST) or f"column_{place}" for place, name in enumerate(header, 1)]
    reserved = {name.casefold() for name in (*META, *_SYSTEM)}
    met = Counter(name.casefold() for name in wished)
    taken = reserved | {key for key, times in met.items()}
    used: set[str] = set(reserved)
    result = []
    for name in wished:
        if name.casefold() in used:
            name = _numbered(name, taken | used)
        used.add(name.casefold())
        result.append(name)
    return result


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while True:
        suffix = f"_{number}"
        candidate = _cut(name, LONGEST - len(suffix)) + suffix
        if candidate.casefold() not in taken:
            return candidate
        number += 1


def _cut(name: str, size: int) -> str:
    """At most ``size`` bytes of UTF-8, no character cut in two."""
    return name.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
