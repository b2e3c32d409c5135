"""Secrets of the installation itself: taken from the environment, or made once under IPAI_HOME when embedded."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

EARLIEST, LATEST = 1970, 2200
"""Years that a clock may show: figures look weeks back and months ahead."""


def whole_number(name: str, value: str, lowest: int, highest: int) -> int:
    """The number in a variable, or one line that names the variable."""
    if not value.isascii() or not value.isdecimal() or not lowest <= int(value) <= highest:
        raise ImproperlyConfigured(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}")
    return int(value)


def yes_or_no(name: str, value: str) -> bool:
    """1/0, true/false, yes/no, on/off in a variable, or one line that names it."""
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False, "": False}
    if value.lower() not in known:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")
    return known[value.lower()]


def web_address(name: str, value: str) -> str:
    """The address in a variable without a slash at its end, or one line that names the variable."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise ImproperlyConfigured(f"{name} must be an address like https://api.github.com, without a password")
    return value.rstrip("/")


def moment(name: str, value: str) -> datetime | None:
    """The instant of 1970 to 2200 in a variable, in UTC when it names no zone; None for none, or one line that names it."""
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None or not EARLIEST <= found.year <= LATEST:
        wanted = f"an instant like 2026-01-31T10:00:00Z, of the years {EARLIEST} to {LATEST}"
        raise ImproperlyConfigured(f"{name} must be {wanted}, not {value!r}")
    return found


def together(name: str, value: str, other: str, other_value: str) -> str:
    """A variable that has a meaning only together with another; one line that names the one that is missing."""
    if bool(value) != bool(other_value):
        missing, given = (name, other) if other_value else (other, name)
        raise ImproperlyConfigured(f"{missing} is missing: {given} is set, and each is of use only with the other")
    return value


def database(url: str) -> dict[str, Any]:
    """DATABASES["default"] for a PostgreSQL URL. The URL holds a password, so no message shows it."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres://, e.g. postgres://user:password@host:5432/name")
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL cannot be read; percent-encode special characters in the password") from None
    if not config.get("NAME"):
        raise ImproperlyConfigured("DATABASE_URL names no database; it ends with one: postgres://user:password@host:5432/name")
    return config


def redis_py_url(url: str) -> str:
    """The address of the broker as redis-py spells it; Celery's own spelling of a socket is ``redis+socket://``."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis+socket", "redis+unix"):
        return url
    number = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return f"unix://{parts.netloc}{parts.path}?db={number}"


def generated_secret(path: Path, *, embedded: bool) -> str:
    """The content of ``path``, made on first use; outside embedded mode SECRET_KEY must be given."""
    if not embedded:
        raise ImproperlyConfigured("SECRET_KEY must be set when DATABASE_URL is (50 random characters or more)")
    return _made_once(path, lambda: secrets.token_urlsafe(50))


def vault_keys(value: str, path: Path, *, embedded: bool) -> tuple[str, ...]:
    """The Fernet keys that encrypt secrets, newest first; several are allowed while keys rotate."""
    if not value and not embedded:
        raise ImproperlyConfigured("IPAI_VAULT_KEYS must be set when DATABASE_URL is (comma-separated Fernet keys, newest first)")
    keys = tuple(
        key.strip() for key in (value or _made_once(path, lambda: Fernet.generate_key().decode())).split(",") if key.strip()
    )
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(f"IPAI_VAULT_KEYS: key {number} is not a Fernet key (32 bytes, url-safe base64)") from None
    return keys


def _made_once(path: Path, make: Callable[[], str]) -> str:
    """Create ``path`` with mode 0600 unless it exists; safe when several processes start at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        scratch = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(scratch, path)
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return path.read_text().strip()
