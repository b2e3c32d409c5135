"""The shapes of the DevOps figures in the description of the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

Shape = serializers.Serializer[Any]


def _number(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


class Findings(Shape):
    """A finding of the validator. ``line`` is null when the whole file is meant."""

    file = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    rule = serializers.CharField()
    severity = serializers.ChoiceField(choices=["error", "warning"])
    message = serializers.CharField()


class SpecBundle(Shape):
    """A Spec Kit bundle. ``problems`` are why it does not comply, as ``missing: spec/portal/prd.md``."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    bundle = serializers.CharField()
    layout = serializers.ChoiceField(choices=["bundle", "spec-kit"])
    compliant = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.CharField())
    findings = Findings(many=True)
    tasks_done = serializers.IntegerField()
    tasks_total = serializers.IntegerField()
    requirements = serializers.IntegerField()
    requirements_with_task = serializers.IntegerField()
    requirements_without_task = serializers.ListField(child=serializers.CharField())
    missing_paths = serializers.ListField(child=serializers.DictField())
    html_url = serializers.CharField(allow_null=True)


class WorkflowMetrics(Shape):
    """A workflow in a month, on a day or in all; ``month`` is null for all."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    workflow_id = serializers.IntegerField()
    workflow = serializers.CharField()
    path = serializers.CharField(allow_null=True)
    granularity = serializers.ChoiceField(choices=["day", "month", "all"])
    period = serializers.CharField()
    month = serializers.CharField(allow_null=True)
    runs = serializers.IntegerField()
    completed = serializers.IntegerField()
    by_conclusion = serializers.DictField(child=serializers.IntegerField())
    success_rate = _number("Of completed runs that were not cancelled.")
    success_rate_ran = _number("The same without skipped and action_required ones.")
    duration_p50_s = _number()
    duration_p95_s = _number()
    queue_p50_s = _number()
    queue_p95_s = _number()
    flaky_groups = serializers.IntegerField()
    judged_groups = serializers.IntegerField()
    flaky_rate = _number()
    rerun_runs = serializers.IntegerField()
    rerun_rate = _number()
    runner_minutes = _number("Time of jobs on runners; null where jobs are not loaded.")


class WorkflowStatus(Shape):
    """A workflow on the default branch. ``turned_*`` say which run began the state, and who started that."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    workflow_id = serializers.IntegerField()
    workflow = serializers.CharField()
    workflow_state = serializers.CharField(allow_null=True)
    branch = serializers.CharField()
    state = serializers.ChoiceField(choices=["green", "red", "unknown"])
    running = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    age_s = serializers.IntegerField(allow_null=True)
    runs_in_state = serializers.IntegerField()
    turned_by = serializers.CharField(allow_null=True)
    turned_sha = serializers.CharField(allow_null=True)
    turned_url = serializers.CharField(allow_null=True)
    last_run_id = serializers.IntegerField()
    last_run_at = serializers.DateTimeField()
    last_conclusion = serializers.CharField(allow_null=True)
    last_actor = serializers.CharField(allow_null=True)
    last_url = serializers.CharField(allow_null=True)


class Note(Shape):
    """What a metric leaves out (excluded) or infers about it, and why."""

    metric = serializers.CharField()
    kind = serializers.ChoiceField(choices=["excluded", "inferred"])
    reason = serializers.CharField()


class DeploymentOut(Shape):
    """A deployment; ``failed`` and ``rework`` are said of successful production deployments only."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    deployment_id = serializers.IntegerField()
    environment = serializers.CharField()
    production = serializers.BooleanField()
    sha = serializers.CharField()
    ref = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    creator = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    states = serializers.ListField(child=serializers.CharField())
    state = serializers.CharField(allow_null=True)
    succeeded_at = serializers.DateTimeField(allow_null=True)
    changes = serializers.IntegerField(help_text="Changes that it was the first to bring to production.")
    failed = serializers.BooleanField()
    failed_by = serializers.CharField(allow_null=True)
    incidents = serializers.ListField(child=serializers.IntegerField())
    recovered_at = serializers.DateTimeField(allow_null=True)
    recovery_s = serializers.IntegerField(allow_null=True)
    rolled_back_by = serializers.IntegerField(allow_null=True)
    rework = serializers.BooleanField()
    rework_by = serializers.CharField(allow_null=True)
    notes = Note(many=True)
    html_url = serializers.CharField(allow_null=True)


class DoraRow(Shape):
    """The five metrics of a repository in a month (null: the whole window), with what they rest on."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    month = serializers.CharField(allow_null=True)
    days = _number("Days of the month inside the window.")
    production_attempts = serializers.IntegerField()
    deployments = serializers.IntegerField()
    deployment_frequency = _number("A day.")
    changes = serializers.IntegerField()
    deployed_changes = serializers.IntegerField()
    change_lead_time_hours = _number("Median.")
    change_lead_time_s = _number("Median.")
    change_lead_time_p95_s = _number()
    lead_time_coverage = _number()
    failed = serializers.IntegerField()
    change_fail_rate = _number()
    failed_deployment_recovery_hours = _number("Median.")
    failed_deployment_recovery_s = _number("Median.")
    recovered = serializers.IntegerField()
    not_recovered = serializers.IntegerField()
    rework = serializers.IntegerField()
    deployment_rework_rate = _number()
    levels = serializers.DictField(child=serializers.CharField(), help_text="Metric -> elite, high, medium or low.")
    as_of = serializers.DateTimeField()


class DoraItem(Shape):
    """A change, deployment or incident that a metric leaves out or rests on by inference."""

    connector_id = serializers.UUIDField()
    repository = serializers.CharField()
    item_type = serializers.ChoiceField(choices=["change", "deployment", "incident"])
    item = serializers.CharField()
    month = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)
    metric = serializers.CharField()
    kind = serializers.ChoiceField(choices=["excluded", "inferred"])
    reason = serializers.CharField()
    html_url = serializers.CharField(allow_null=True)


def page_of(row: type[Shape], **more: serializers.Field[Any, Any, Any, Any]) -> type[Shape]:
    """The shape of a page of rows; ``next`` is the address of the rows behind them, null at the end."""
    fields = {"rows": row(many=True), "next": serializers.URLField(allow_null=True), **more}
    return type(f"{row.__name__}Page", (serializers.Serializer,), fields | {"__doc__": f"A page of {row.__name__}."})
