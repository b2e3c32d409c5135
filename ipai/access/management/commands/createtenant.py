"""Make a tenant."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.management.base import CLI, AccessCommand


class Command(AccessCommand):
    help = "Makes a tenant: an organisation whose rows nobody else sees."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("slug", help="lower-case letters, digits, - and _")
        parser.add_argument("--name", default="", help="for people; the slug unless given")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            tenant = services.create_tenant(options["slug"], options["name"], actor_name=CLI)
        except AccessError as error:
            raise self.refused(error) from None
        data = {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name}
        token = f"python manage.py createtoken NAME --roles ROLE --tenant {tenant.slug}"
        self.answer(options, data, f"Tenant {tenant.slug} created. A token for it: {token}")
