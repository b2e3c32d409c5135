"""Connectors, their runs, and what a run leaves behind."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from ipai.access.models import Tenant, default_tenant_id

name_rule = RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", "Letters, digits, dot, - and _, no spaces, 100 at most.")


class Mode(models.TextChoices):
    FULL = "full", "Full"
    INCREMENTAL = "incremental", "Incremental"


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "Manual"
    API = "api", "API"
    WEBHOOK = "webhook", "Webhook"


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (Status.QUEUED, Status.RUNNING)
ENDED = (Status.SUCCESS, Status.FAILED, Status.CANCELLED)


class ConnectorConfig(models.Model):
    """A configured source. ``vault_secret_refs`` are ``field=secret name`` pairs; the values stay in the vault."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="connectors", default=default_tenant_id)
    name = models.CharField(max_length=100, validators=[name_rule])
    connector_type = models.CharField(max_length=60)
    config = models.JSONField(default=dict)
    vault_secret_refs = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    schedule = models.CharField(max_length=100, blank=True, default="", help_text="Cron expression in UTC; empty: only by hand.")
    schedule_mode = models.CharField(max_length=12, choices=Mode.choices, default=Mode.INCREMENTAL)
    freshness_target_minutes = models.PositiveIntegerField(default=24 * 60, help_text="Data older than this is late.")
    is_enabled = models.BooleanField(default=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        db_table = "ipai_connector_config"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="connector_name")]
        verbose_name = "connector"

    def __str__(self) -> str:
        return self.name


class ConnectorRun(models.Model):
    """One run of a connector. ``metadata`` is what the run says of itself once it ended (summary, proof, warnings)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connector = models.ForeignKey(ConnectorConfig, models.CASCADE, related_name="runs")
    mode = models.CharField(max_length=12, choices=Mode.choices, default=Mode.INCREMENTAL)
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.MANUAL)
    status = models.CharField(max_length=10, choices=Status.choices, db_default=Status.QUEUED, default=Status.QUEUED)
    requested_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    only_streams = ArrayField(models.CharField(max_length=200), default=list, blank=True, db_default=models.Value("{}"))
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    dispatched_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    rows_read = models.BigIntegerField(default=0, db_default=0)
    rows_written = models.BigIntegerField(default=0, db_default=0)
    error_message = models.TextField(blank=True, default="", db_default="")
    cancel_requested = models.BooleanField(default=False, db_default=False)
    metadata = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()), encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "ipai_connector_run"
        ordering: ClassVar = ["-queued_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector"],
                condition=models.Q(status__in=["queued", "running"]) & ~models.Q(trigger="webhook"),
                name="one_open_run_per_connector",
            ),
            # Deliveries are loaded beside a run that reads, which may take hours.
            models.UniqueConstraint(
                fields=["connector"],
                condition=models.Q(status__in=["queued", "running"], trigger="webhook"),
                name="one_webhook_run_per_connector",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-queued_at", "-id"], name="run_newest"),
            models.Index(fields=["connector", "-queued_at", "-id"], name="run_by_connector"),
            models.Index(fields=["status"], condition=models.Q(status__in=["queued", "running"]), name="run_open"),
            models.Index(
                fields=["connector", "-queued_at", "-id"], condition=models.Q(metadata__proof__at__isnull=False), name="run_proven"
            ),
        ]
        verbose_name = "run"

    def __str__(self) -> str:
        return f"{self.connector} {self.mode} {self.queued_at:%Y-%m-%d %H:%M}"


class RunStream(models.Model):
    """One stream of a run: a task that any worker may take. The lease says who has it and until when."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ConnectorRun, models.CASCADE, related_name="streams")
    stream = models.CharField(max_length=200)
    target = models.CharField(max_length=130, default="")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    dispatched_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_owner = models.CharField(max_length=200, default="")
    lease_expires_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    rows_read = models.BigIntegerField(default=0)
    rows_written = models.BigIntegerField(default=0)
    rows_updated = models.BigIntegerField(default=0)
    rows_unchanged = models.BigIntegerField(default=0)
    rows_deleted = models.BigIntegerField(default=0)
    rows_rejected = models.BigIntegerField(default=0)
    rows_deduplicated = models.BigIntegerField(default=0)
    progress = models.JSONField(default=dict)
    """While running: ``{"phase", "rows", "bytes", "bytes_total", "part"}``."""
    error_message = models.TextField(default="")
    metadata = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    """``{"vendor_name": ..., "schema_changes": [...], "warnings": [...], "seconds": {"extract": s, "load": s}}``."""

    class Meta:
        db_table = "ipai_connector_run_stream"
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "stream"], name="stream_once_per_run")]
        indexes: ClassVar = [
            models.Index(fields=["target"], name="stream_target"),
            models.Index(fields=["status"], condition=models.Q(status__in=["queued", "running"]), name="stream_open"),
        ]

    def __str__(self) -> str:
        return self.stream


class ConnectorState(models.Model):
    """How far a stream of records has come. Written in the transaction that commits the rows."""

    connector = models.ForeignKey(ConnectorConfig, models.CASCADE, related_name="state")
    stream = models.CharField(max_length=200)
    cursor = models.JSONField()
    run = models.ForeignKey(ConnectorRun, models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    pk = models.CompositePrimaryKey("connector_id", "stream")

    class Meta:
        db_table = "ipai_connector_state"

    def __str__(self) -> str:
        return self.stream


class LoadedPart(models.Model):
    """A file (or other part) that was loaded whole: its cursor says which version. ``_part`` in the rows is its id."""

    id = models.BigAutoField(primary_key=True)
    connector = models.ForeignKey(ConnectorConfig, models.CASCADE, related_name="parts")
    stream = models.CharField(max_length=200)
    name = models.TextField()
    cursor = models.JSONField(default=dict)
    rows = models.BigIntegerField(default=0)
    run = models.ForeignKey(ConnectorRun, models.SET_NULL, null=True, related_name="+")
    loaded_at = models.DateTimeField(db_default=Now())
    gone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ipai_loaded_part"
        indexes: ClassVar = [models.Index(fields=["connector", "stream", "name"], name="loaded_part_name")]

    def __str__(self) -> str:
        return self.name


class LoadedTable(models.Model):
    """What a tenant has brought into a bronze table. Tables are shared by tenants; each sees the columns that it loaded."""

    target = models.CharField(max_length=130)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    columns = ArrayField(models.TextField(), default=list)
    pk = models.CompositePrimaryKey("target", "tenant_id")

    class Meta:
        db_table = "ipai_loaded_table"

    def __str__(self) -> str:
        return self.target


class StreamFields(models.Model):
    """What becomes of a vendor's fields, as the newest run that learned of them was told."""

    connector = models.ForeignKey(ConnectorConfig, models.CASCADE, related_name="stream_fields")
    stream = models.CharField(max_length=200)
    fields = models.JSONField(default=list)
    """:class:`connectors.contract.FieldMapping` as dictionaries, in the order for people."""
    read_at = models.DateTimeField()
    pk = models.CompositePrimaryKey("connector_id", "stream")

    class Meta:
        db_table = "ipai_stream_fields"

    def __str__(self) -> str:
        return self.stream


class RejectedRecord(models.Model):
    """A record that was read and not loaded, with the reason and the place (file:line or the vendor's id)."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ConnectorRun, models.CASCADE, related_name="rejected")
    stream = models.CharField(max_length=200)
    place = models.TextField()
    reason = models.TextField()
    raw = models.TextField(null=True)  # noqa: DJ001  (NULL: the source could not give it)

    class Meta:
        db_table = "ipai_rejected_record"
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["run", "id"], name="rejected_by_run")]

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class RunLog(models.Model):
    """One line of a run's log."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ConnectorRun, models.CASCADE, related_name="log")
    stream = models.CharField(max_length=200, default="")
    level = models.CharField(max_length=8)
    message = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ipai_run_log"
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["run", "id"], name="run_log_by_run")]

    def __str__(self) -> str:
        return self.message


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    IGNORED = "ignored", "Ignored"


class WebhookDelivery(models.Model):
    """A webhook call as received. A bronze table, made by the lakehouse's migrations; ``payload`` is read in governed sessions."""

    pk = models.CompositePrimaryKey("connector_id", "id")
    connector_id = models.UUIDField(db_column="_connector_id")
    tenant_id = models.UUIDField(db_column="_tenant_id")
    run_id = models.UUIDField(db_column="_run_id", null=True)
    id = models.TextField(db_column="delivery_id")
    event = models.TextField()
    action = models.TextField(null=True)  # noqa: DJ001  (most events have none)
    repository_id = models.BigIntegerField(null=True)
    hook_id = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    happened_at = models.DateTimeField(null=True)
    status = models.TextField(choices=DeliveryStatus.choices)
    attempts = models.SmallIntegerField()
    receipts = models.IntegerField()
    retry_at = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)
    error = models.TextField(null=True)  # noqa: DJ001
    payload = models.BinaryField(null=True)
    payload_bytes = models.IntegerField()

    class Meta:
        managed = False
        db_table = 'ipai_bronze_devops"."webhook_deliveries'
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"

    def __str__(self) -> str:
        return f"{self.event} {self.id}"

    @property
    def took(self) -> timedelta | None:
        """From receipt to the end of processing; None before it."""
        return self.processed_at - self.received_at if self.processed_at else None

    @property
    def pill_kind(self) -> str:
        """The console's status that looks like this one."""
        return {"pending": "queued", "done": "success", "failed": "failed"}.get(self.status, "none")
