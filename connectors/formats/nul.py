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
HALF_PAIR = re.compile(rf"(?<!\\)(?:\\\\)*\\u(?:{_SURROGATE})")


def nul_rows(batch: pa.RecordBatch) -> list[int]:
    """The rows with such a character, ascending. Fast when there is none."""
    found: set[int] = set()
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_nested(field.type):
            found.update(_nested_rows(column))
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


def _nested_rows(column: pa.Array) -> list[int]:
    if not _may_hold(column):
        return []
    return [row for row, value in enumerate(column.to_pylist()) if _holds(value)]


def _may_hold(values: pa.Array) -> bool:
    """Whether some text inside has a NUL character; looks at buffers, so it may be one that a slice left out."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return _may_hold(values.storage)
    if pa.types.is_struct(kind):
        return any(_may_hold(values.field(number)) for number in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _may_hold(values.keys) or _may_hold(values.items)
    if pa.types.is_nested(kind):
        return _may_hold(values.values)
    if pa.types.is_dictionary(kind):
        return _may_hold(values.dictionary)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return text and any(b"\0" in buffer.to_pybytes() for buffer in values.buffers()[2:] if buffer is not None)


def _holds(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds(inner) for pair in value.items() for inner in pair)
    if isinstance(value, list | tuple):
        return any(map(_holds, value))
    return isinstance(value, str) and "\0" in value


def _json_rows(column: pa.Array) -> list[int]:
    maybe = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, r"\\u(0000|[dD][89a-fA-F])"), False)).to_pylist()
    return [row for row in maybe if _ESCAPED.search(column[row].as_py())]
