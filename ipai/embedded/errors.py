"""The one error of this package: a single line that says what to do."""

from __future__ import annotations


class ServiceError(Exception):
    """An embedded service cannot be used; the message is one line for a person."""
