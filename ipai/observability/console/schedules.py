"""What beat starts, and when: read only. Schedules of connectors are changed on the connector."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_celery_beat.models import PeriodicTask

from ipai.observability.console.pages import NavItem, page, render, scope

CONNECTOR_TASK = "connectors.scheduled_run"


@page("schedules/", "schedules", action="view_people", nav=NavItem("Platform", "Scheduled tasks", "schedule", 4))
def schedules(request: HttpRequest) -> HttpResponse:
    """The schedules of connectors and the portal's own tasks."""
    found = PeriodicTask.objects.select_related("crontab", "interval").order_by("name")
    tasks = [_line(task) for task in found]
    shown = tasks if scope(request) is None else [task for task in tasks if task["own"]]
    return render(request, "console/schedules.html", "Scheduled tasks", {"tasks": shown, "all": scope(request) is None})


def _line(task: PeriodicTask) -> dict[str, Any]:
    own = task.task != CONNECTOR_TASK
    try:
        args = json.loads(task.args or "[]")
    except ValueError:
        args = []
    return {
        "task": task,
        "own": own,
        "connector": args[0] if args and not own else None,
        "when": str(task.schedule if task.interval is None else task.interval),
    }
