"""Addresses of the catalog and the audit log under /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from ipai.observability.api.audit_log import AuditLogViewSet
from ipai.observability.api.catalog import Catalog


class IdentifierConverter(StringConverter):
    """A table's name: whatever PostgreSQL takes, but for a slash."""

    regex = r"[^/\x00]{1,63}"


register_converter(IdentifierConverter, "identifier")

urlpatterns = [
    path("audit-log/", AuditLogViewSet.as_view({"get": "list"})),
    path("catalog/", Catalog.as_view({"get": "list"})),
    path("catalog/<slug:schema>/<identifier:table>/", Catalog.as_view({"get": "retrieve"})),
    path("catalog/<slug:schema>/<identifier:table>/sample/", Catalog.as_view({"get": "sample"})),
]
