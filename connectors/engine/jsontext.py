"""JSON in text columns: is it safe as jsonb, which keeps the last of two equal keys and refuses \\u0000?

A batch's values are checked together, as one JSON array: one decode instead of one per value.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_BETWEEN = uuid.uuid4().hex
"""Stands between the values. No value can hold it, so none can reach over to the next ("{},{}", "[1" and "2]")."""
_UNUSUAL = r'\\u00(?:00|22|3[aA])|"\s+:|[0-9][eE][+-]?[0-9]{4}'
_UNSTORABLE = re.compile(rb"\\u0000|[0-9][eE][+-]?[0-9]{4}")


def all_containers(values: pa.Array) -> bool:
    """Whether every text is a JSON object or array that jsonb keeps whole."""
    return bool(pc.all(pc.match_substring_regex(values, r"^\s*[\[{]"), min_count=0).as_py()) and all_valid(values)


def all_valid(values: pa.Array) -> bool:
    """Whether every text is JSON that jsonb keeps whole."""
    kept = values.drop_null()
    if not len(kept):
        return True
    unusual = bool(pc.any(pc.match_substring_regex(kept, _UNUSUAL)).as_py())
    together = pa.ListArray.from_arrays(pa.array([0, len(kept)], pa.int32()), kept)
    joined = b"[" + pc.binary_join(together, f',"{_BETWEEN}",').buffers()[2].to_pybytes() + b"]"
    if unusual and _UNSTORABLE.search(joined):
        return False
    try:
        decoded = msgspec.json.decode(joined)
        if len(decoded) != 2 * len(kept) - 1 or decoded[1::2] != [_BETWEEN] * (len(kept) - 1):
            return False
        return _keys_once(joined, decoded, unusual)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return False


def _keys_once(joined: bytes, decoded: Any, unusual: bool) -> bool:
    """No object has a key twice: decoding drops the second, so encoded again there are fewer colons after keys."""
    if unusual or msgspec.json.encode(decoded).count(b'":') != joined.count(b'":'):
        json.loads(joined, object_pairs_hook=_unique)
    return True


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
