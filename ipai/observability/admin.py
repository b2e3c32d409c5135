"""The console's pages of this app, and the admin site that holds every app's pages."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import URLPattern, path
from django_celery_beat import models as beat

from ipai.observability.console import audit, catalog, find, pages, people, schedules, secrets

__all__ = ["audit", "catalog", "people", "schedules", "secrets"]

# The console has pages of its own for these, with the portal's roles and words.
for model in (Group, beat.ClockedSchedule, beat.CrontabSchedule, beat.IntervalSchedule, beat.PeriodicTask, beat.SolarSchedule):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def _extra_urls() -> list[URLPattern]:
    return [path("find/", admin.site.admin_view(find.find), name="find"), *pages.urls()]


# unfold's site calls this for addresses that are not a model's.
admin.site.extra_urls = _extra_urls  # type: ignore[attr-defined]
