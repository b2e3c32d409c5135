"""The audit log: who did what to what. Append-only; a trigger refuses update, delete and truncate to every role."""

from __future__ import annotations

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now

from ipai.access.models import Tenant


class AuditLog(models.Model):
    """One event. ``details`` holds a diff for changes: ``{"changed": {field: [before, after]}}``; never a secret."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    event_type = models.CharField(max_length=60)
    entity_type = models.CharField(max_length=60)
    entity_id = models.CharField(max_length=200)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    details = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "ipai_audit_log"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["entity_type", "entity_id"], name="audit_entity"),
            models.Index(fields=["actor"], name="audit_actor"),
            models.Index(fields=["created_at"], name="audit_created"),
        ]
        verbose_name = "audit event"

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.entity_type} {self.entity_id}"
