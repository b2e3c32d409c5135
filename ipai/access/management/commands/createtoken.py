"""Make an API token for a program; it is printed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.management.base import CLI, AccessCommand
from ipai.access.models import DEFAULT_TENANT, Role


class Command(AccessCommand):
    help = "Makes an API token for a program. The token is printed once and kept nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="what uses the token; unique within the tenant")
        parser.add_argument("--roles", required=True, help=f"comma-separated: {', '.join(Role.values)}")
        parser.add_argument("--tenant", default=DEFAULT_TENANT, help="slug of the tenant (default: %(default)s)")
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="unless given, the token does not expire")

    def handle(self, *_: Any, **options: Any) -> None:
        tenant = self.tenant(options["tenant"])
        roles = [role.strip() for role in options["roles"].split(",") if role.strip()]
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--expires-in-days is a number from 1 to 3650", returncode=2)
        expires = None if days is None else timezone.now() + timedelta(days=days)
        try:
            token, plain = services.create_token(
                tenant=tenant, name=options["name"], roles=roles, actor_name=CLI, expires_at=expires
            )
        except AccessError as error:
            raise self.refused(error) from None
        data = {
            "id": str(token.id),
            "name": token.name,
            "roles": token.roles,
            "tenant": tenant.slug,
            "expires_at": token.expires_at,
            "token": plain,
        }
        self.answer(options, data, plain)
        if not options["json"]:
            self.stderr.write("Keep this token now: it is stored nowhere. Use it as: Authorization: Bearer <token>")
