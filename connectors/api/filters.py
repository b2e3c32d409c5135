"""What lists can be filtered by."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from connectors.models import ConnectorConfig, ConnectorRun, DeliveryStatus, Mode, RunLog, Status, Trigger, WebhookDelivery
from ipai.access.filters import MomentFilter, YesOrNoFilter

LEVELS = [(level, level) for level in ("info", "warning", "error")]


class ConnectorFilter(filters.FilterSet):
    name = filters.CharFilter(label="Exactly this name.")
    connector_type = filters.CharFilter(label="A source type, e.g. files.")
    is_enabled = YesOrNoFilter(label="true or false.")
    last_status = filters.ChoiceFilter(choices=Status.choices, label="How the last ended run ended.")
    search = filters.CharFilter(method="by_words", label="Part of the name.")

    class Meta:
        model = ConnectorConfig
        fields = ()

    def by_words(self, queryset: QuerySet[ConnectorConfig], name: str, value: str) -> QuerySet[ConnectorConfig]:
        """Part of the name, in any case."""
        return queryset.filter(name__icontains=value)


class RunFilter(filters.FilterSet):
    connector = filters.CharFilter(method="by_connector", label="A connector's name or id.")
    status = filters.MultipleChoiceFilter(choices=Status.choices, label="May be repeated.")
    mode = filters.ChoiceFilter(choices=Mode.choices)
    trigger = filters.ChoiceFilter(choices=Trigger.choices)
    queued_after = MomentFilter(field_name="queued_at", lookup_expr="gte", label="Queued at or after, ISO 8601.")
    queued_before = MomentFilter(field_name="queued_at", lookup_expr="lt", label="Queued before, ISO 8601.")

    class Meta:
        model = ConnectorRun
        fields = ()

    def by_connector(self, queryset: QuerySet[ConnectorRun], name: str, value: str) -> QuerySet[ConnectorRun]:
        """By name, or by id when it looks like one."""
        by = Q(connector__name=value)
        try:
            by |= Q(connector_id=UUID(value))
        except ValueError:
            pass  # not an id
        return queryset.filter(by)


class DeliveryFilter(filters.FilterSet):
    status = filters.MultipleChoiceFilter(choices=DeliveryStatus.choices, label="May be repeated.")
    event = filters.CharFilter(label="Exactly this event, e.g. push.")
    repository_id = filters.NumberFilter(label="About this repository.")
    received_after = MomentFilter(field_name="received_at", lookup_expr="gte", label="Received at or after, ISO 8601.")
    received_before = MomentFilter(field_name="received_at", lookup_expr="lt", label="Received before, ISO 8601.")

    class Meta:
        model = WebhookDelivery
        fields = ()


class LogFilter(filters.FilterSet):
    level = filters.MultipleChoiceFilter(choices=LEVELS, label="May be repeated.")
    stream = filters.CharFilter(label="Lines of this stream.")

    class Meta:
        model = RunLog
        fields = ()
