"""Make a connector, or change one with --update."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connectors import queries, services
from connectors.errors import ConnectorError
from connectors.management.base import CLI, ConnectorCommand


def json_object(text: str) -> dict[str, Any]:
    """A JSON object given on the command line."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('must be a JSON object, e.g. {"path": "/data/*.csv", "table": "orders"}')
    return value


def key_value(text: str) -> tuple[str, str]:
    """A secret given as NAME=VALUE."""
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError("a secret is given as NAME=VALUE")
    return name, value


class Command(ConnectorCommand):
    help = "Makes a connector; its config is checked against the source's schema."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("--type", required=True, help="the source, e.g. files")
        parser.add_argument("--config", type=json_object, default={}, help="JSON object")
        parser.add_argument(
            "--secret", type=key_value, action="append", default=[], metavar="K=V", help="kept in the vault; may be repeated"
        )
        parser.add_argument("--schedule", default=None, help="cron expression in UTC, e.g. '0 6 * * *'")
        parser.add_argument("--update", action="store_true", help="change the connector if it exists")

    def handle(self, *_: Any, **options: Any) -> None:
        tenant = self.tenant(options["tenant"])
        existing = queries.connector_named(options["name"], tenant) if options["update"] else None
        secrets = dict(options["secret"])
        try:
            if existing:
                if existing.connector_type != options["type"]:
                    raise CommandError(
                        f"{existing.name} is of type {existing.connector_type}; a type cannot be changed", returncode=2
                    )
                changes = {"config": options["config"]} | ({} if options["schedule"] is None else {"schedule": options["schedule"]})
                connector = services.update_connector(CLI, existing, secrets=secrets, **changes)
            else:
                connector = services.create_connector(
                    actor=CLI,
                    tenant=tenant,
                    name=options["name"],
                    connector_type=options["type"],
                    config=options["config"],
                    secrets=secrets,
                    schedule=options["schedule"] or "",
                )
        except ConnectorError as error:
            raise self.refused(error, returncode=2) from None
        done = "changed" if existing else "created"
        data = {"id": str(connector.id), "name": connector.name, "type": connector.connector_type, "result": done}
        self.answer(options, data, f"Connector {connector.name} {done}. Run it: python manage.py runconnector {connector.name}")
