"""The settings of a GitHub connector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

_OWNER = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,98})$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9-]{0,98}/[A-Za-z0-9._-]{1,100}$"

CONFIG: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "owner": {
            "type": "string",
            "title": "Owner",
            "description": "An organisation or a user: all its repositories are read.",
            "pattern": _OWNER,
            "x-main": True,
            "examples": ["octo-org"],
        },
        "repositories": {
            "type": "array",
            "title": "Repositories",
            "description": "Only these, instead of an owner: owner/name.",
            "items": {"type": "string", "pattern": _NAME},
            "uniqueItems": True,
            "maxItems": 1_000,
            "x-main": True,
            "examples": ["octo-org/hello-world"],
        },
        "jobs": {
            "type": "boolean",
            "title": "Jobs",
            "description": "Read the jobs of each run: queue times need them, and each run costs one request.",
            "default": True,
            "x-main": True,
        },
        "since": {
            "type": "string",
            "format": "date",
            "title": "Since",
            "description": "Nothing older than this day; empty for everything. A full sync after a change applies it.",
            "examples": ["2026-01-01"],
        },
        "include_archived": {
            "type": "boolean",
            "title": "Archived repositories",
            "description": "Read those of the owner that are archived too.",
            "default": True,
        },
        "include_forks": {
            "type": "boolean",
            "title": "Forks",
            "description": "Read those of the owner that are forks too.",
            "default": False,
        },
        "api_url": {
            "type": "string",
            "format": "uri",
            "title": "API address",
            "description": "Of GitHub Enterprise Server: https://github.example.com/api/v3. Empty for github.com.",
            "maxLength": 500,
            "examples": ["https://api.github.com"],
        },
        "app_id": {
            "type": "string",
            "title": "GitHub App",
            "description": "Its App ID or client ID, to sign in as the App instead of with a token.",
            "pattern": r"^[A-Za-z0-9._-]{1,60}$",
        },
        "installation_id": {
            "type": "integer",
            "title": "Installation",
            "description": "The App's installation in the organisation: the number at the end of its settings page's address.",
            "minimum": 1,
        },
        "deployment_days": {
            "type": "integer",
            "title": "Look at deployments again (days)",
            "description": "A deployment of so many days may still get a status; older ones are read by a full sync.",
            "minimum": 1,
            "maximum": 3_650,
            "default": 90,
        },
        "concurrency": {
            "type": "integer",
            "title": "Requests at once",
            "description": "For each stream; GitHub bears 100 at once from everybody who uses the token.",
            "minimum": 1,
            "maximum": 16,
            "default": 4,
        },
        "page_size": {
            "type": "integer",
            "title": "Page size",
            "description": "Records per request; 100 is most.",
            "minimum": 10,
            "maximum": 100,
            "default": 100,
        },
    },
}


def problems_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Rules beyond the schema, by field."""
    problems: dict[str, str] = {}
    if bool(config.get("owner")) == bool(config.get("repositories")):
        problems["owner"] = "Give an owner or a list of repositories, one of the two."
    elif config.get("owner") and not re.match(_OWNER, str(config["owner"])):
        problems["owner"] = "Give the owner's name as in https://github.com/name"
    if address := config.get("api_url"):
        parts = urlsplit(str(address))
        if parts.scheme not in ("https", "http") or not parts.hostname:
            problems["api_url"] = "Give the address like https://api.github.com or https://github.example.com/api/v3"
        elif parts.username or parts.password or parts.query or parts.fragment:
            problems["api_url"] = "Give the address alone; the token is a secret of its own."
    if bool(config.get("app_id")) != bool(config.get("installation_id")):
        lacking = "installation_id" if config.get("app_id") else "app_id"
        problems[lacking] = "A GitHub App needs both its App ID and the installation."
    if since := config.get("since"):
        try:
            date.fromisoformat(str(since))
        except ValueError:
            problems["since"] = "Give a day like 2026-01-31."
    return problems
