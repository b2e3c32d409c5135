"""What can end a stream from inside the engine. Each message is one clear line for people."""

from __future__ import annotations

from connectors.contract import StopStream


class EngineError(Exception):
    """The engine cannot go on with this stream; what is committed stays."""


class LeaseLost(EngineError):
    """Another worker holds the stream: nothing of this transaction may be committed."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken this stream; nothing more was committed here")


class Cancelled(EngineError):
    """The run was cancelled; what is committed stays."""

    def __init__(self) -> None:
        super().__init__("The run was cancelled")


class SchemaMismatch(StopStream):
    """A value or column that the table does not take and the schema policy does not allow to change."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place
