"""The audit log, for auditors and platform administrators."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ipai.access.filters import MomentFilter
from ipai.access.views import ListView
from ipai.observability import queries
from ipai.observability.models import AuditLog


class AuditFilter(filters.FilterSet):
    event_type = filters.CharFilter(label="E.g. connector, run, access, secret.")
    entity_type = filters.CharFilter(label="E.g. connector.")
    entity_id = filters.CharFilter(label="The id of what was acted on.")
    actor = filters.CharFilter(label="Who acted.")
    action = filters.CharFilter(label="E.g. created.")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", label="At or after, ISO 8601.")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt", label="Before, ISO 8601.")

    class Meta:
        model = AuditLog
        fields = ()


class AuditEvent(serializers.ModelSerializer[AuditLog]):
    """Who did what to what. ``details.changed`` is ``{field: [before, after]}``; never a secret."""

    details = serializers.DictField()

    class Meta:
        model = AuditLog
        fields = (
            *("id", "event_type", "entity_type", "entity_id", "actor", "action", "details"),
            *("ip_address", "user_agent", "created_at"),
        )


class AuditLogViewSet(ListView):
    """Events of the caller's tenant, newest first."""

    needs: ClassVar = "view_audit"
    queryset = AuditLog.objects.none()
    filterset_class = AuditFilter
    ordering_fields: ClassVar = ("id",)
    ordering: ClassVar = ("-id",)
    serializer_class = AuditEvent

    def get_queryset(self) -> QuerySet[AuditLog]:
        if getattr(self, "swagger_fake_view", False):  # the description of the API is made without a request
            return self.queryset
        return queries.events_for(self.tenant)

    @extend_schema(operation_id="list_audit_events", summary="The audit log")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Append-only: no role, the database's owner included, can change or delete an event."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
