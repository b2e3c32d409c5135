"""JSON objects -> Arrow batches. Numbers keep their text, strings are unescaped, nested values keep their JSON text.

The columns' kinds are learned; a struct type made of them decodes the next chunk several times faster than dictionaries do.
A chunk that does not fit is decoded as dictionaries, and the struct is made anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw
from msgspec.structs import astuple

from connectors.contract import KIND
from connectors.formats.nul import HALF_PAIR

NULL = Raw(b"null")
BadJson = (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError)
_BY_FIRST_BYTE = {b'"': "string", b"t": "boolean", b"f": "boolean", b"{": "json", b"[": "json", b"n": "null"}

anything = msgspec.json.Decoder(dict[str, Raw])


def why(error: Exception, data: bytes) -> str:
    """What is wrong with JSON that raised one of BadJson, for people."""
    if isinstance(error, RecursionError):
        return "nested too deep: up to some 900 levels are read"
    if half := HALF_PAIR.search(data.decode("utf-8", "replace")):
        return f"not valid JSON: {half[0][-6:]} is half of a surrogate pair and no character"
    return f"not valid JSON: {error}"


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]')


def deepest(data: bytes) -> int:
    """The offset of the element of this JSON array that is nested deepest."""
    depth = most = start = found = 0
    for token in _TOKEN.finditer(data):
        if token[0] in (b"[", b"{"):
            depth += 1
            start = token.start() if depth == 2 else start
            if depth > most:
                most, found = depth, start
        elif token[0] in (b"]", b"}"):
            depth -= 1
    return found


class Columns:
    """The columns seen so far and the decoders made of them."""

    def __init__(self) -> None:
        self._strings: dict[str, bool | None] = {}  # column -> only strings so far; None: only nulls
        self._kinds: dict[str, str] = {}  # column -> the last kind emitted
        self._lines: msgspec.json.Decoder[Any] | None = None
        self._list: msgspec.json.Decoder[Any] | None = None

    def from_lines(self, chunk: bytes) -> pa.RecordBatch | None:
        """The batch of a chunk of JSON lines; None when it must be read line by line (bad, or of another shape)."""
        try:
            return self._of_structs(self._lines.decode_lines(chunk)) if self._lines else None
        except BadJson:
            return None

    def from_list(self, chunk: bytes) -> pa.RecordBatch | None:
        """The same for a JSON array of objects."""
        try:
            return self._of_structs(self._list.decode(chunk)) if self._list else None
        except BadJson:
            return None

    def learn(self, rows: Sequence[dict[str, Raw]]) -> None:
        """Take note of the columns of ``rows`` and make the decoders."""
        before = dict(self._strings)
        for row in rows:
            for name, value in row.items():
                first = bytes(memoryview(value)[:1])
                known = self._strings.get(name)
                self._strings[name] = known if first == b"n" else known is not False and first == b'"'
        if before == self._strings or not self._strings:
            return
        fields, rename = [], {}
        for number, (name, strings) in enumerate(self._strings.items()):
            fields.append((f"f{number}", (str | None) if strings else Raw, None if strings else NULL))
            rename[f"f{number}"] = name
        try:
            row_type = msgspec.defstruct("Row", fields, rename=rename, gc=False, forbid_unknown_fields=True)
        except ValueError:  # a name with a quote, backslash or control character: dictionaries only
            self._lines = self._list = None
            return
        self._lines = msgspec.json.Decoder(row_type)
        self._list = msgspec.json.Decoder(list[row_type])  # type: ignore[valid-type]

    def of_dicts(self, rows: Sequence[dict[str, Raw]]) -> pa.RecordBatch:
        """The batch of rows decoded one by one, after ``learn``."""
        return self._assemble([(name, self._of_raw(name, [row.get(name, NULL) for row in rows])) for name in self._strings])

    def _of_structs(self, rows: Sequence[Any]) -> pa.RecordBatch:
        across: Iterable[Sequence[Any]] = zip(*map(astuple, rows), strict=True) if rows else [()] * len(self._strings)
        return self._assemble(
            (name, self._of_strings(name, values) if strings else self._of_raw(name, values))
            for (name, strings), values in zip(self._strings.items(), across, strict=True)
        )

    def _assemble(self, columns: Iterable[tuple[str, pa.Array]]) -> pa.RecordBatch:
        fields, arrays = [], []
        for name, values in columns:
            kind = self._kinds.get(name)
            fields.append(pa.field(name, pa.string(), metadata={KIND: kind} if kind else None))
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _of_strings(self, name: str, values: Sequence[str | None]) -> pa.Array:
        self._kinds[name] = "string"
        return pa.array(values, pa.string())

    def _of_raw(self, name: str, values: Sequence[Raw]) -> pa.Array:
        texts = _split(b"\0".join(values), len(values))
        if texts is None:
            texts = pa.array([bytes(value) for value in values], pa.string())
        firsts = {bytes([code]) for code in _first_bytes(texts)}
        kinds = {_BY_FIRST_BYTE.get(first, "number") for first in firsts}
        if "null" in kinds:
            texts = pc.if_else(pc.equal(texts, "null"), pa.scalar(None, pa.string()), texts)
            kinds.discard("null")
        if len(kinds) == 1:
            self._kinds[name] = kinds.pop()
            return _unescape(texts) if self._kinds[name] == "string" else texts
        if kinds:  # several; a string is stored as its text wherever in the file the other kinds turn up
            self._kinds[name] = "json" if "json" in kinds and "string" not in kinds else "string"
            return texts if self._kinds[name] == "json" else _unescape(texts)
        return texts


def _split(joined: bytes, count: int) -> pa.Array | None:
    """NUL-joined values as an array, made in Arrow; None if a value holds a NUL itself."""
    if joined.count(b"\0") != count - 1:
        return None
    whole = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer((0).to_bytes(4, "little") + len(joined).to_bytes(4, "little")), pa.py_buffer(joined)]
    )
    return pc.split_pattern(whole, "\0").values


def _first_bytes(texts: pa.Array) -> set[int]:
    return {ord(first) for first in pc.unique(pc.utf8_slice_codeunits(texts, 0, 1)).to_pylist()}


def _unescape(texts: pa.Array) -> pa.Array:
    """JSON strings -> their text; other values keep theirs."""
    plain = [None if text is None else msgspec.json.decode(text) if text.startswith('"') else text for text in texts.to_pylist()]
    return pa.array(plain, pa.string())
