"""Tenants, people and the tokens of programs."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

DEFAULT_TENANT = "default"
DEFAULT_TENANT_ID = uuid.UUID("1b0a7e5e-0000-4000-8000-000000000001")
"""The same everywhere: Django makes a User without a database when it checks the project."""
slug_rule = RegexValidator(r"^[a-z0-9][a-z0-9_-]{0,62}$", "Lower-case letters, digits, - and _, 63 at most.")


class Role(models.TextChoices):
    """What a person or program may do. People hold them as Django groups, tokens as a list."""

    PLATFORM_ADMIN = "platform_admin", "Platform admin"
    DATA_ENGINEER = "data_engineer", "Data engineer"
    ANALYTICS_ENGINEER = "analytics_engineer", "Analytics engineer"
    BI_DEVELOPER = "bi_developer", "BI developer"
    AI_ENGINEER = "ai_engineer", "AI engineer"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


class Tenant(models.Model):
    """An organisation whose rows nobody else sees. A single-tenant portal has just the default one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[slug_rule])
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "ipai_tenant"
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.name


def default_tenant_id() -> uuid.UUID:
    """The id of the default tenant, for model defaults."""
    return DEFAULT_TENANT_ID


class User(AbstractUser):
    """A person. Belongs to one tenant; a superuser sees every tenant."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="people", default=default_tenant_id)

    class Meta(AbstractUser.Meta):
        db_table = "ipai_account"

    @property
    def roles(self) -> frozenset[str]:
        """The names of the roles held; a superuser is platform_admin too."""
        held = set(self.groups.values_list("name", flat=True)) & set(Role.values)
        return frozenset(held | {Role.PLATFORM_ADMIN.value} if self.is_superuser else held)


class ApiToken(models.Model):
    """A bearer token of a program. Only its SHA-256 is kept: the token has 256 random bits."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="tokens", default=default_tenant_id)
    name = models.CharField(max_length=100)
    roles = ArrayField(models.CharField(max_length=40, choices=Role.choices))
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=16, editable=False, help_text="The first characters, to recognise it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "ipai_api_token"
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="api_token_name")]

    def __str__(self) -> str:
        return self.name
