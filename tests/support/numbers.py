"""A source for tests: any number of streams of counted records, as slow as asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from connectors.contract import Check, Client, Cursor, Emitted, Source, Stream


class NumberStream(Stream):
    """Records ``{"id": 1..rows, "text": ...}``; the cursor is the id."""

    primary_key = ("id",)
    cursor_field = "id"
    in_cursor_order = True
    write_mode = "merge"

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self.target = f"ipai_bronze_core.{name}"
        self.config = config
        self.batch_size = config.get("batch", 100)

    def read(self, client: Client, since: Cursor | None) -> Iterator[Emitted]:
        first = int(since["id"]) + 1 if since else 1
        for number in range(first, self.config["rows"] + 1):
            if self.config.get("delay"):
                time.sleep(self.config["delay"])
            yield {"id": number, "text": f"number {number}"}


class Numbers(Source):
    """Made-up numbers."""

    key = "numbers"
    label = "Numbers (test)"
    config_schema = {
        "type": "object",
        "title": "Numbers",
        "properties": {
            "streams": {"type": "array", "title": "Streams", "items": {"type": "string"}},
            "rows": {"type": "integer", "title": "Rows"},
            "delay": {"type": "number", "title": "Delay"},
            "batch": {"type": "integer", "title": "Batch"},
        },
        "required": ["streams", "rows"],
    }

    def streams(self, client: Client) -> Sequence[Stream]:
        return [NumberStream(name, dict(self.config)) for name in self.config["streams"]]

    def check(self, client: Client) -> Iterator[Check]:
        yield Check("numbers", True, "made up")
