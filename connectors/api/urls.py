"""Addresses of connectors and runs under /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from connectors.api.runs import LogViewSet, RejectedViewSet, RunViewSet
from connectors.api.views import ConnectorViewSet, RunConnector, SourceTypes
from connectors.api.webhooks import DeliveryViewSet, WebhookViewSet


class NameConverter(StringConverter):
    """A connector's name or id."""

    regex = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"


register_converter(NameConverter, "connector")
DELIVERY = "connectors/<connector:name>/deliveries/<str:delivery_id>/"
RUN = "connector-runs/<uuid:run_id>/"

urlpatterns = [
    path("connectors/", ConnectorViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "connectors/<connector:name>/",
        ConnectorViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("connectors/<connector:name>/check/", ConnectorViewSet.as_view({"post": "check"})),
    path("connectors/<connector:name>/enable/", ConnectorViewSet.as_view({"post": "enable"})),
    path("connectors/<connector:name>/disable/", ConnectorViewSet.as_view({"post": "disable"})),
    path("connectors/<connector:name>/webhook/", WebhookViewSet.as_view({"get": "retrieve"})),
    path("connectors/<connector:name>/webhook/secret/", WebhookViewSet.as_view({"post": "secret"})),
    path("connectors/<connector:name>/deliveries/", DeliveryViewSet.as_view({"get": "list"})),
    path("connectors/<connector:name>/deliveries/process/", DeliveryViewSet.as_view({"post": "process_failed"})),
    path(DELIVERY, DeliveryViewSet.as_view({"get": "retrieve"})),
    path(f"{DELIVERY}process/", DeliveryViewSet.as_view({"post": "process"})),
    path("connector-runs/", RunViewSet.as_view({"get": "list"})),
    path(RUN, RunViewSet.as_view({"get": "retrieve"})),
    path(f"{RUN}cancel/", RunViewSet.as_view({"post": "cancel"})),
    path(f"{RUN}retry/", RunViewSet.as_view({"post": "retry"})),
    path(f"{RUN}rejected/", RejectedViewSet.as_view({"get": "list"})),
    path(f"{RUN}log/", LogViewSet.as_view({"get": "list"})),
    path("rpc/run_connector", RunConnector.as_view({"post": "create"})),
    path("source-types/", SourceTypes.as_view({"get": "list"})),
    path("source-types/<slug:key>/", SourceTypes.as_view({"get": "retrieve"})),
]
