"""Schedules: cron expressions in UTC, kept in step with django-celery-beat's tables."""

from __future__ import annotations

import json

from cronsim import CronSim, CronSimError
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from connectors.models import ConnectorConfig

TASK = "connectors.scheduled_run"


def schedule_problem(expression: str) -> str | None:
    """Why this is not a schedule, in one line; None when it is one (empty means: only by hand)."""
    if not expression:
        return None
    if len(expression.split()) != 5:
        return "A schedule has five fields: minute hour day month weekday, e.g. 0 6 * * 1-5"
    try:
        next(CronSim(expression, timezone.now()))
    except (CronSimError, StopIteration):
        return f"{expression!r} is not a cron expression that ever comes, e.g. */15 * * * *"
    try:
        _crontab(expression).schedule  # noqa: B018  (celery parses it here)
    except ValueError as error:
        return f"The scheduler does not take {expression!r}: {error}"
    return None


def sync_schedule(connector: ConnectorConfig) -> None:
    """Make beat's row say what the connector says. Called in the transaction that changed the connector."""
    name = task_name(connector)
    if not connector.schedule:
        PeriodicTask.objects.filter(name=name).delete()
        return
    crontab = _crontab(connector.schedule)
    parts = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    same = {part: getattr(crontab, part) for part in parts}
    saved, _ = CrontabSchedule.objects.get_or_create(timezone="UTC", **same)
    PeriodicTask.objects.update_or_create(
        name=name,
        defaults={
            "task": TASK,
            "crontab": saved,
            "args": json.dumps([str(connector.id)]),
            "enabled": connector.is_enabled,
            "description": f"Runs the connector {connector.name}",
        },
    )


def drop_schedule(connector: ConnectorConfig) -> None:
    """Forget the schedule of a connector that is being deleted."""
    PeriodicTask.objects.filter(name=task_name(connector)).delete()


def task_name(connector: ConnectorConfig) -> str:
    """The unique name of the connector's row in beat's table."""
    return f"connector {connector.id}"


def _crontab(expression: str) -> CrontabSchedule:
    minute, hour, day, month, weekday = expression.split()
    return CrontabSchedule(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday, timezone="UTC")
