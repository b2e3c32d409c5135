"""The config schema of the files source; the console builds its form from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TABLE_RULE = "^[a-z][a-z0-9_]{0,62}$"


def _text(title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "description": description, **more}


CONFIG: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "title": "Files",
    "additionalProperties": False,
    "required": ["table"],
    "x-alternatives": [
        {"title": "This host or an upload", "names": ["path"]},
        {"title": "A web address", "names": ["url", "token"]},
        {"title": "A bucket", "names": ["bucket", "prefix", "endpoint", "region", "access_key", "secret_key"]},
    ],
    "properties": {
        "path": _text(
            "Path",
            "A file, a folder or a pattern on this host (*, ?, ** for any depth), inside IPAI_FILES_ROOTS.",
            **{"x-upload": True},
        ),
        "url": _text("URL", "An https:// address of one file.", format="uri", pattern="^https?://"),
        "bucket": _text("Bucket", "The name of an S3-compatible bucket."),
        "prefix": _text("Prefix", "What the objects' keys begin with, or a pattern with * and **."),
        "endpoint": _text(
            "Endpoint",
            "https:// address of the storage, e.g. of DigitalOcean Spaces; empty for AWS.",
            format="uri",
            pattern="^(https?://.*)?$",
        ),
        "region": _text("Region", "The bucket's region; empty is us-east-1."),
        "table": _text("Table", "The table in ipai_bronze_core: lower-case letters, digits and _.", pattern=TABLE_RULE),
        "primary_key": {
            "title": "Primary key",
            "description": "The column or columns that identify a row. Empty: rows have no key.",
            "x-main": True,
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string", "minLength": 1}}],
        },
        "write_mode": _text(
            "Write mode",
            "append adds rows, replace keeps what the files hold, merge updates by key. Empty: merge with a key, else replace.",
            enum=["append", "replace", "merge"],
        ),
        "schema_policy": _text(
            "Schema policy",
            "What happens to data that does not fit the table: change the table, stop, or leave out the row or the value.",
            enum=["evolve", "freeze", "discard_row", "discard_value"],
            default="evolve",
        ),
        "format": _text("Format", "Empty: found out from content and name.", enum=["csv", "jsonl", "json", "parquet"]),
        "compression": _text("Compression", "Empty: found out from the first bytes.", enum=["none", "gzip", "zstd", "zip"]),
        "encoding": _text(
            "Encoding", "utf-8, utf-16, windows-1252, ...; empty: found out. A byte that does not fit is then an error."
        ),
        "delimiter": _text("Delimiter", "One character between fields of a CSV file; empty: found out.", maxLength=1),
        "quote": _text("Quote", "The character around quoted fields; empty: found out.", maxLength=1),
        "escape": _text(
            "Escape", 'How a quote inside quotes is written: doubled ("") or with a backslash.', enum=["double", "backslash"]
        ),
        "header": {
            "type": "boolean",
            "title": "Header row",
            "description": "The first record names the columns; else they are column_1, column_2, ...",
            "default": True,
        },
        "null_values": {
            "type": "array",
            "items": {"type": "string"},
            "title": "NULL values",
            "description": 'Unquoted texts in CSV that mean NULL. A quoted "" is always an empty text.',
            "default": [""],
        },
        "max_bytes": {
            "type": "integer",
            "minimum": 1,
            "title": "Largest file",
            "description": "Bytes that one file may have, fetched or unpacked.",
            "default": 20_000_000_000,
        },
    },
}
