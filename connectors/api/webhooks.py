"""Webhooks of a connector: address and state, a new secret, and the deliveries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import queries, services
from connectors.api import webhook_shapes as shapes
from connectors.api.base import ConnectorsView, first, found
from connectors.api.filters import DeliveryFilter
from connectors.models import ConnectorConfig, WebhookDelivery
from connectors.services.deliveries import TARGET
from connectors.services.hooks import as_json
from connectors.webhooks.queries import deliveries_of, payload_of, webhook_state
from ipai.access.permissions import may_read
from ipai.access.sessions import claims_for

NAMED = "{name} is the connector's name or its id."
NOTHING_TO_DO = OpenApiResponse(description="There is no such failed delivery, or its payload is no longer kept.")


class _OfConnector(ConnectorsView):
    def connector(self) -> ConnectorConfig:
        """The connector that the address names."""
        connector: ConnectorConfig = found(queries.connector_named(self.kwargs["name"], self.tenant), "connector")
        return connector


class WebhookViewSet(_OfConnector):
    """The webhook of a connector."""

    needs: ClassVar = {"retrieve": "view_connectors", "secret": "edit_connectors"}
    serializer_class = shapes.WebhookOut

    @extend_schema(operation_id="get_webhook", summary="A connector's webhook", description=NAMED)
    def retrieve(self, request: Request, name: str) -> Response:
        state = found(webhook_state(self.connector()), "webhook: this source has none")
        return Response(shapes.WebhookOut(state, context={"request": request}).data)

    @extend_schema(
        operation_id="make_webhook_secret",
        summary="Make a new webhook secret",
        request=shapes.WebhookSecretOrder,
        responses={201: shapes.WebhookSecretOut},
    )
    def secret(self, request: Request, name: str) -> Response:
        """The secret is in this answer and nowhere else; the one before is accepted for 24 hours more.

        With `at_vendor` the webhook is made at the vendor too, or given the new secret; `problem` says why it could not be.
        """
        order = shapes.WebhookSecretOrder(data=request.data)
        order.is_valid(raise_exception=True)
        base = request.build_absolute_uri("/") if order.validated_data["at_vendor"] else ""
        made = as_json(services.rotate_webhook_secret(self.actor(), self.connector(), base))
        made["url"] = request.build_absolute_uri(made["url"])
        return Response(shapes.WebhookSecretOut(made).data, status=201, headers={"Cache-Control": "no-store"})


class DeliveryViewSet(_OfConnector):
    """Deliveries of a connector, newest first."""

    needs: ClassVar = {
        "list": "view_connectors",
        "retrieve": "view_connectors",
        "process": "run_connectors",
        "process_failed": "run_connectors",
    }
    without_body: ClassVar = ("process", "process_failed")
    queryset = WebhookDelivery.objects.none()
    filterset_class = DeliveryFilter
    ordering: ClassVar = ("-received_at", "-id")
    serializer_class = shapes.DeliveryOut

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return deliveries_of(self.connector())

    @extend_schema(operation_id="list_deliveries", summary="List webhook deliveries", description=NAMED)
    def list(self, request: Request, name: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="get_delivery", summary="One webhook delivery", responses=shapes.DeliveryDetailOut)
    def retrieve(self, request: Request, name: str, delivery_id: str) -> Response:
        """With its payload, for roles that read bronze; null for others and when it is no longer kept."""
        delivery = self._delivery(delivery_id)
        user: Any = request.user
        payload = payload_of(claims_for(user), delivery) if may_read(user, TARGET.partition(".")[0]) else None
        body: dict[str, Any] = {**shapes.DeliveryOut(delivery).data, "payload": payload[0] if payload else None}
        return Response(body)

    @extend_schema(
        operation_id="process_delivery",
        summary="Process a delivery again",
        request=None,
        responses={202: shapes.ProcessAgainOut, 409: NOTHING_TO_DO},
    )
    def process(self, request: Request, name: str, delivery_id: str) -> Response:
        """Harmless for one that was processed: a newer state is never overwritten."""
        self._delivery(delivery_id)
        return Response({"deliveries": services.process_again(self.actor(), self.connector(), delivery_id)}, status=202)

    @extend_schema(
        operation_id="process_failed_deliveries",
        summary="Process all failed deliveries again",
        request=None,
        responses={202: shapes.ProcessAgainOut, 409: NOTHING_TO_DO},
    )
    def process_failed(self, request: Request, name: str) -> Response:
        return Response({"deliveries": services.process_again(self.actor(), self.connector())}, status=202)

    def _delivery(self, delivery_id: str) -> WebhookDelivery:
        if "\x00" in delivery_id:
            raise NotFound("There is no such delivery")
        delivery: WebhookDelivery = first(self.get_queryset().filter(id=delivery_id), "delivery")
        return delivery
