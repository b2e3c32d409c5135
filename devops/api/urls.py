"""Addresses of the DevOps figures under /api/v1/."""

from django.urls import path

from devops.api import views

urlpatterns = [
    path("devops/spec-compliance", views.SpecCompliance.as_view()),
    path("devops/ci-metrics", views.CiMetrics.as_view()),
    path("devops/ci-status", views.CiStatus.as_view()),
    path("devops/deployments", views.Deployments.as_view()),
    path("devops/dora", views.Dora.as_view()),
    path("devops/dora/items", views.DoraItems.as_view()),
]
