"""The settings of an Odoo connector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.sources.odoo.models import MODELS

_TABLE = "^[a-z][a-z0-9_]{0,62}$"
_MODEL = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$"

CONFIG: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["url", "database"],
    "additionalProperties": False,
    "properties": {
        "url": {
            "type": "string",
            "format": "uri",
            "title": "Address",
            "description": "Of the Odoo server, without a path.",
            "examples": ["https://erp.example.com"],
            "maxLength": 500,
        },
        "database": {
            "type": "string",
            "title": "Database",
            "description": "Its name, as the login page of a server with several databases shows it.",
            "examples": ["main"],
            "minLength": 1,
            "maxLength": 100,
        },
        "user": {
            "type": "string",
            "title": "User",
            "description": "The login of a user that may read the ledger. JSON-2 needs none: the key says who it is.",
            "examples": ["reader@example.com"],
            "maxLength": 200,
            "x-main": True,
        },
        "api": {
            "type": "string",
            "title": "API",
            "enum": ["jsonrpc", "json2", "xmlrpc"],
            "default": "jsonrpc",
            "description": "jsonrpc for Odoo 16 to 18, json2 for 19 and later (with an API key), xmlrpc where neither is open.",
            "x-main": True,
        },
        "models": {
            "type": "array",
            "title": "Models",
            "description": "Only these; none chosen: all that the finance pages need.",
            "items": {"type": "string", "enum": [model.name for model in MODELS]},
            "uniqueItems": True,
        },
        "extra_models": {
            "type": "object",
            "title": "Further models",
            "description": "Model and the table that it becomes.",
            "examples": [{"hr.expense": "expenses"}],
            "propertyNames": {"pattern": _MODEL, "x-problem": "write the model as Odoo names it, e.g. hr.expense"},
            "additionalProperties": {
                "type": "string",
                "pattern": _TABLE,
                "x-problem": "a table's name has lower case letters, digits and _ and begins with a letter",
            },
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Records per call.",
            "minimum": 10,
            "maximum": 10_000,
            "default": 2_000,
        },
        "concurrency": {
            "type": "integer",
            "title": "Calls at once",
            "description": "Two is polite; each needs a worker of Odoo.",
            "minimum": 1,
            "maximum": 8,
            "default": 2,
        },
        "overlap_minutes": {
            "type": "number",
            "title": "Overlap (minutes)",
            "description": "How far back each sync looks: longer than the longest transaction in Odoo.",
            "minimum": 1,
            "maximum": 1_440,
            "default": 30,
        },
        "compare_ids_hours": {
            "type": "number",
            "title": "Compare ids every (hours)",
            "description": "To find deleted records; totals that differ cause it at once. 0 for each sync.",
            "minimum": 0,
            "maximum": 720,
            "default": 24,
        },
        "timeout_seconds": {
            "type": "number",
            "title": "Timeout (seconds)",
            "description": "For one call.",
            "minimum": 1,
            "maximum": 600,
            "default": 120,
        },
    },
}


def problems_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Rules beyond the schema, by field."""
    problems: dict[str, str] = {}
    if wrong := _address_problem(str(config.get("url") or "")):
        problems["url"] = wrong
    if not config.get("database"):
        problems["database"] = "Give the name of the database."
    if not config.get("user") and config.get("api") != "json2":
        problems["user"] = "This API needs the user's login."
    if clash := _clash(config.get("extra_models")):
        problems["extra_models"] = clash
    return problems


def _address_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        whole = False
    if not whole or re.search(r"[\s\\<>\"^`{|}]", url) or not url.isprintable():
        return "Give the server's address like https://erp.example.com, without blanks or other signs."
    if parts.username is not None or parts.password is not None:
        return "Take the user name and password out of the address; they have fields of their own."
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "Give the server's address without a path."
    return None


def _clash(extra: Any) -> str | None:
    if not isinstance(extra, dict):
        return None
    standard_models, standard_tables = {model.name for model in MODELS}, {model.table for model in MODELS}
    for model, table in extra.items():
        if model in standard_models:
            return f"{model} is read already."
        if table in standard_tables or list(extra.values()).count(table) > 1:
            return f"The table {table} is taken: give {model} another one."
        if not re.fullmatch(_TABLE, str(table)):
            return f"{table} cannot be a table's name: use lower case letters, digits and _."
    return None
