"""What can go wrong between people and their access, each one clear line."""

from __future__ import annotations

from collections.abc import Mapping


class AccessError(Exception):
    """The base: the message may be shown to people. ``fields`` maps a field to what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)
