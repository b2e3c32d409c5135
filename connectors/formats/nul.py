"""Characters that PostgreSQL cannot store: NUL in text, NUL and lone surrogates in JSON."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import KIND

NUL_REASON = "holds a NUL character, which PostgreSQL cannot store"
_SURROGATE = (
    r"[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"  # a high one without its low one
    r"|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F][0-9a-fA-F]{2}"  # a low one without its high one
)
_ESCAPED = re.compile(rf"(?<!\\)(?:\\\\)*\\u(?:0000|{_SURROGATE})")


def nul_rows(batch: pa.RecordBatch) -> list[int]:
    """The rows with such a character, ascending. Fast when there is none."""
    found: set[int] = set()
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        data = column.buffers()[2]
        if data is None or not column.null_count < len(column):
            continue
        text = data.to_pybytes()
        if (field.metadata or {}).get(KIND) == b"json":
            if b"\\u" in text:
                found.update(_json_rows(column))
        elif b"\0" in text:
            found.update(pc.indices_nonzero(pc.fill_null(pc.match_substring(column, "\0"), False)).to_pylist())
    return sorted(found)


def _json_rows(column: pa.Array) -> list[int]:
    maybe = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, r"\\u(0000|[dD][89a-fA-F])"), False)).to_pylist()
    return [row for row in maybe if _ESCAPED.search(column[row].as_py())]
