"""Addresses for whoever watches the portal."""

from django.urls import path

from ipai.observability.views import Metrics, healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", Metrics.as_view(), name="metrics"),
]
