"""Read a file given as bytes and give back what a person would check: rows, kinds, rejected records, places."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import KIND, Rejected
from connectors.formats import FormatOptions, read_file


@dataclass
class Read:
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    row_kinds: list[dict[str, str]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    largest: int = 0


def read_bytes(folder: Path, data: bytes, name: str = "orders.csv", member: str | None = None, **options: Any) -> Read:
    path = folder / name.rsplit("/", 1)[-1]
    path.write_bytes(data)
    return read_path(path, member=member, **options)


def read_path(path: Path, member: str | None = None, **options: Any) -> Read:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    result = read_file(path, FormatOptions(**options), path.name, scratch=scratch, log=logging.getLogger("run"), member=member)
    out = Read()
    try:
        for item in result.batches:
            if isinstance(item, Rejected):
                out.rejected.append(item)
                continue
            _add(out, item)
        out.places = [result.place(row) for row in range(len(out.rows))]
    finally:
        result.close()
    assert list(scratch.iterdir()) == [], "scratch files are removed"
    return out


def _add(out: Read, batch: pa.RecordBatch) -> None:
    for name in batch.schema.names:
        if name not in out.columns:
            out.columns.append(name)
    out.largest = max(out.largest, batch.nbytes)
    for schema_field in batch.schema:
        out.kinds[schema_field.name] = (schema_field.metadata or {}).get(KIND, b"lexical").decode()
    out.row_kinds += [dict(out.kinds)] * batch.num_rows
    if len(set(batch.schema.names)) < len(batch.schema.names):
        out.columns = list(batch.schema.names)
        out.rows += list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return
    values = batch.to_pylist()
    out.rows = [row + (None,) * (len(out.columns) - len(row)) for row in out.rows]
    out.rows += [tuple(value.get(name) for name in out.columns) for value in values]
