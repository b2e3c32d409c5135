"""What the commands about access share."""

from __future__ import annotations

from django.core.management.base import CommandError

from ipai.access.errors import AccessError
from ipai.access.models import Tenant
from ipai.commands import JsonCommand, Refused

CLI = "command line"


class AccessCommand(JsonCommand):
    """A command about tenants, people and tokens."""

    def tenant(self, slug: str) -> Tenant:
        """The tenant by slug."""
        found = Tenant.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"There is no tenant {slug!r}; make it with: createtenant {slug}", returncode=2)
        return found

    def refused(self, error: AccessError) -> CommandError:
        """Wrong usage, in one line."""
        return Refused("; ".join(f"{field}: {why}" for field, why in error.fields.items()), returncode=2, fields=error.fields)
