"""``manage.py dburl``: the address of the database, for psql and other tools."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from ipai.embedded.services import Services


class Command(BaseCommand):
    help = "Print the libpq URL of the database in use; starts the embedded one if need be."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", help="a role to act as")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            raise CommandError(f"the database cannot be reached: {error}") from error
        self.stdout.write(_url(options["role"]))


def _url(role: str | None) -> str:
    if role is None:
        return str(settings.DATABASE_URL)
    services: Services | None = settings.IPAI_SERVICES if settings.IPAI_EMBEDDED_POSTGRES else None
    if _can_log_in(role) and services is not None:
        return services.database_url_for(role)
    return with_role(settings.DATABASE_URL, role)


def _can_log_in(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [role])
        row = cursor.fetchone()
    if row is None:
        raise CommandError(f"there is no role {role} in this database")
    return bool(row[0])


def with_role(url: str, role: str) -> str:
    """``url`` with the session's role set on connection; options that it has already are kept."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    escaped = role.replace("\\", "\\\\").replace(" ", "\\ ")
    query["options"] = f"{query.get('options', '')} -c role={escaped}".strip()
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote, safe="")))
