"""Secrets, encrypted at rest. The value is only ever read by ``vault.services.reveal``."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Secret(models.Model):
    """A named secret of a tenant; ``ciphertext`` is a MultiFernet token."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey("access.Tenant", models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=300, blank=True, default="")
    ciphertext = models.BinaryField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    set_at = models.DateTimeField(db_default=Now(), editable=False)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "ipai_secret"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="secret_name")]

    def __str__(self) -> str:
        return self.name
