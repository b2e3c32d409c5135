"""Connectors and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import contract, queries, services
from connectors.api import serializers as shapes
from connectors.api.base import ConnectorsView, first, found, run_address
from connectors.api.filters import ConnectorFilter
from connectors.models import ConnectorConfig, Trigger
from ipai.vault.queries import stamps

NAMED = "{name} is the connector's name or its id."
IN_PROGRESS = OpenApiResponse(description="The connector has an open run; `run_id` names it.")
EXAMPLE = OpenApiExample(
    "Files in a folder",
    {
        "name": "orders",
        "connector_type": "files",
        "config": {"path": "/data/orders/*.csv", "table": "orders", "primary_key": ["id"], "write_mode": "merge"},
        "schedule": "0 6 * * *",
    },
    request_only=True,
)


@extend_schema_view(list=extend_schema(operation_id="list_connectors", summary="List connectors"))
class ConnectorViewSet(ConnectorsView):
    """Connectors of the caller's tenant."""

    needs: ClassVar = {
        "list": "view_connectors",
        "retrieve": "view_connectors",
        "create": "edit_connectors",
        "partial_update": "edit_connectors",
        "destroy": "edit_connectors",
        "check": "run_connectors",
        "enable": "pause_connectors",
        "disable": "pause_connectors",
    }
    without_body: ClassVar = ("destroy", "check", "enable", "disable")
    queryset = ConnectorConfig.objects.none()
    filterset_class = ConnectorFilter
    ordering_fields: ClassVar = ("name", "created_at", "updated_at")
    ordering: ClassVar = ("name",)
    serializer_class = shapes.ConnectorOut

    def get_queryset(self) -> QuerySet[ConnectorConfig]:
        if getattr(self, "swagger_fake_view", False):  # the description of the API is made without a request
            return self.queryset
        return queries.connectors_for(self.tenant)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self._shown(page))

    @extend_schema(operation_id="get_connector", summary="One connector", description=NAMED)
    def retrieve(self, request: Request, name: str) -> Response:
        return Response(self._shown([self._annotated(self._connector(name))])[0])

    @extend_schema(
        operation_id="create_connector",
        summary="Make a connector",
        request=shapes.ConnectorNew,
        responses={201: shapes.ConnectorOut},
        examples=[EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """The config is checked against the source's schema (see source-types/); secrets go to the vault."""
        given = self._valid(shapes.ConnectorNew, request)
        self.kwargs["connector_type"] = given["connector_type"]
        connector = services.create_connector(actor=self.actor(), tenant=self.tenant, **given)
        address = request.build_absolute_uri(f"/api/v1/connectors/{connector.name}/")
        return Response(self._shown([self._annotated(connector)])[0], status=201, headers={"Location": address})

    @extend_schema(
        operation_id="change_connector",
        summary="Change a connector",
        description=NAMED,
        request=shapes.ConnectorChange,
        responses=shapes.ConnectorOut,
    )
    def partial_update(self, request: Request, name: str) -> Response:
        connector = self._connector(name)
        self.kwargs["connector_type"] = connector.connector_type
        given = self._valid(shapes.ConnectorChange, request)
        connector = services.update_connector(self.actor(), connector, **given)
        return Response(self._shown([self._annotated(connector)])[0])

    @extend_schema(
        operation_id="delete_connector", summary="Delete a connector", description=NAMED, responses={204: None, 409: IN_PROGRESS}
    )
    def destroy(self, request: Request, name: str) -> Response:
        """Its runs, state and secrets go; the rows it loaded stay."""
        services.delete_connector(self.actor(), self._connector(name))
        return Response(status=204)

    @extend_schema(
        operation_id="check_connector", summary="Try a connector", description=NAMED, request=None, responses=shapes.CheckOut
    )
    def check(self, request: Request, name: str) -> Response:
        lines = services.check_connector(self._connector(name))
        return Response({"ok": all(line.ok for line in lines), "checks": [asdict(line) for line in lines]})

    @extend_schema(
        operation_id="enable_connector",
        summary="Enable a connector",
        description=NAMED,
        request=None,
        responses=shapes.ConnectorOut,
    )
    def enable(self, request: Request, name: str) -> Response:
        return self._switch(name, on=True)

    @extend_schema(
        operation_id="disable_connector",
        summary="Pause a connector",
        description=NAMED,
        request=None,
        responses=shapes.ConnectorOut,
    )
    def disable(self, request: Request, name: str) -> Response:
        return self._switch(name, on=False)

    def _switch(self, name: str, *, on: bool) -> Response:
        connector = services.set_enabled(self.actor(), self._connector(name), on)
        return Response(self._shown([self._annotated(connector)])[0])

    def _valid(self, shape: type[shapes.Strict], request: Request) -> dict[str, Any]:
        body = shape(data=request.data, context={"tenant": self.tenant})
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def _connector(self, name: str) -> ConnectorConfig:
        connector: ConnectorConfig = found(queries.connector_named(name, self.tenant), "connector")
        return connector

    def _annotated(self, connector: ConnectorConfig) -> ConnectorConfig:
        again: ConnectorConfig = first(self.get_queryset().filter(pk=connector.pk), "connector")
        return again

    def _shown(self, connectors: Sequence[ConnectorConfig]) -> Any:
        names = [ref.partition("=")[2] for connector in connectors for ref in connector.vault_secret_refs]
        return shapes.ConnectorOut(connectors, many=True, context={"stamps": stamps(self.tenant, names)}).data


class RunConnector(ConnectorsView):
    """Queue a run."""

    needs: ClassVar = "run_connectors"
    serializer_class = shapes.RunQueued

    @extend_schema(
        operation_id="run_connector",
        summary="Run a connector",
        request=shapes.RunOrder,
        responses={202: shapes.RunQueued, 409: IN_PROGRESS},
        examples=[OpenApiExample("Everything new", {"connector": "orders", "mode": "incremental"}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Answers at once; a worker takes the run. Follow it at the address in `Location`."""
        order = shapes.RunOrder(data=request.data)
        order.is_valid(raise_exception=True)
        given = order.validated_data
        connector = found(queries.connector_named(given["connector"], self.tenant), "connector")
        run = services.queue_run(
            connector=connector, mode=given["mode"], trigger=Trigger.API, actor=self.actor(), streams=given.get("streams", ())
        )
        return Response({"run_id": run.pk}, status=202, headers={"Location": request.build_absolute_uri(run_address(run.pk))})


class SourceTypes(ConnectorsView):
    """The vendor types that are installed."""

    needs: ClassVar = "view_connectors"
    pagination_class = None
    filter_backends = ()
    serializer_class = shapes.SourceTypeOut

    @extend_schema(operation_id="list_source_types", summary="List source types", responses=shapes.SourceTypeOut(many=True))
    def list(self, request: Request) -> Response:
        """Each with the JSON Schema of its config and the secrets it takes."""
        return Response([_source_type(key) for key in sorted(contract.sources())])

    @extend_schema(operation_id="get_source_type", summary="One source type", responses=shapes.SourceTypeOut)
    def retrieve(self, request: Request, key: str) -> Response:
        found(contract.sources().get(key), "source type")
        return Response(_source_type(key))


def _source_type(key: str) -> dict[str, Any]:
    source = contract.sources()[key]
    return {
        "key": source.key,
        "label": source.label,
        "description": source.description,
        "config_schema": source.config_schema,
        "secrets": [asdict(field) for field in source.secrets],
    }
