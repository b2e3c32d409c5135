"""What can go wrong between a person and a connector, each one clear line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.models import ConnectorRun


class ConnectorError(Exception):
    """The base: ``message`` may be shown to people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigInvalid(ConnectorError):
    """The config does not fit the source; ``fields`` maps the place (``path``, ``secrets.token``) to what is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = dict(fields)


class RunInProgress(ConnectorError):
    """One run per connector at a time; ``run`` is the one that is open, ``held`` says in whose hands it is."""

    def __init__(self, run: ConnectorRun, held: str = "") -> None:
        held = held or "wait for it or cancel it"
        super().__init__(f"{run.connector.name} is {run.status} already (run {run.id}): {held}")
        self.run = run


class NotRunnable(ConnectorError):
    """The connector is paused, or the run has ended, so what was asked cannot be done."""
