"""What the views of connectors and runs share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import contract
from connectors.api.serializers import Nothing
from connectors.errors import ConfigInvalid, ConnectorError, RunInProgress
from ipai.access.problems import Problem, invalid
from ipai.access.views import ListView
from ipai.observability.audit import Actor, actor_of
from ipai.vault.errors import SecretInvalid, VaultError

OWN_FIELDS = frozenset(
    {"name", "config", "schedule", "schedule_mode", "freshness_target_minutes", "owner", "is_enabled", "connector_type", "stream"}
)


class ConnectorsView(ListView):
    """A viewset whose services' errors become problems."""

    without_body: ClassVar[Collection[str]] = ()
    """Actions that take no body: one that is sent all the same is an error, not ignored."""

    def actor(self) -> Actor:
        """Who acts, for the audit log."""
        return actor_of(self.request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if getattr(self, "action", "") in self.without_body:
            Nothing(data=request.data).is_valid(raise_exception=True)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(as_problem(exc, getattr(self, "kwargs", {})))


def as_problem(error: Exception, where: dict[str, Any]) -> Exception:
    """A connector's or the vault's error as a problem; any other as it is."""
    if isinstance(error, ConfigInvalid):
        return invalid({field_path(name, where.get("connector_type", "")): why for name, why in error.fields.items()})
    if isinstance(error, RunInProgress):
        run_id = str(error.run.pk)
        return Problem(409, error.message, "run-in-progress", run_id=run_id, run=run_address(error.run.pk))
    if isinstance(error, SecretInvalid):
        return invalid({"secrets": str(error)})
    if isinstance(error, ConnectorError | VaultError):
        return Problem(409, str(error), "not-possible")
    return error


def field_path(name: str, connector_type: str) -> str:
    """Where the body has what is wrong: the source's own settings lie under ``config``."""
    if name == "type":
        return "connector_type"
    source = contract.sources().get(connector_type)
    settings = source.config_schema.get("properties", {}) if source else {}
    top = name.partition(".")[0]
    return name if (top in OWN_FIELDS and top not in settings) or top == "secrets" else f"config.{name}"


def run_address(run_id: UUID) -> str:
    """Where the API has this run."""
    return f"/api/v1/connector-runs/{run_id}/"


def found(thing: Any, what: str) -> Any:
    """The thing, or 404. Another tenant's things do not exist."""
    if thing is None:
        raise NotFound(f"There is no such {what}")
    return thing


def first(queryset: Any, what: str) -> Any:
    """The first of these, or 404."""
    thing: Model | None = queryset.first()
    return found(thing, what)
