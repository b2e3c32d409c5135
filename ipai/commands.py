"""What the management commands share: a failure is one line, and with ``--json`` one JSON object too."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

_LACKING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidSchemaName,
)


class Refused(CommandError):
    """A failure with more than its words for ``--json``: ``Refused("...", fields={"path": "..."})``."""

    def __init__(self, message: str, returncode: int = 1, **details: Any) -> None:
        super().__init__(message, returncode=returncode)
        self.details = details


class JsonCommand(BaseCommand):
    """Exit 0 done, 1 failed, 2 wrong usage. With ``--json`` stdout gets one object whatever happens: the answer, or
    ``{"error": {"kind": "usage" | "failed" | "unexpected", "message", "exit_code", ...}}``.
    """

    requires_system_checks: list[str] = []
    _answered = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")

    def answer(self, options: dict[str, Any], data: dict[str, Any], words: str) -> None:
        """Print the result for people, or as JSON."""
        self._answered = True
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder) if options["json"] else words)

    def run_from_argv(self, argv: list[str]) -> None:
        self._argv = argv
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser; what it cannot parse is an error in JSON too when ``--json`` is among the words."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        refuse = parser.error

        def error(message: str) -> NoReturn:
            if "--json" in getattr(self, "_argv", ()):
                self._print_error("usage", message, 2)
            raise SystemExit(refuse(message))

        parser.error = error  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return self._execute(*args, **options)
        except CommandError as error:
            if options.get("json") and not self._answered:
                kind = "usage" if error.returncode == 2 else "failed"
                self._print_error(kind, str(error), error.returncode, **getattr(error, "details", {}))
            raise
        except Exception as error:
            if options.get("json") and not self._answered:
                self._print_error("unexpected", f"{type(error).__name__}: the traceback is on stderr", 1)
            raise

    def _execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            words = database_trouble(error)
            if words is None:
                raise
            raise CommandError(words) from error

    def _print_error(self, kind: str, message: str, exit_code: int, **details: Any) -> None:
        told = {"kind": kind, "message": message, "exit_code": exit_code, **details}
        self.stdout.write(json.dumps({"error": told}, cls=DjangoJSONEncoder))


def database_trouble(error: DatabaseError) -> str | None:
    """One line for a database that is away or that lacks migrations; None for any other error."""
    if isinstance(error, OperationalError) and isinstance(error.__cause__, psycopg.OperationalError):
        if error.__cause__.sqlstate is None:  # no server answered
            return f"The database cannot be reached: {' '.join(str(error).split())}"
        return None
    if not isinstance(error, ProgrammingError) or not isinstance(error.__cause__, _LACKING):
        return None
    executor = MigrationExecutor(connection)
    lacking = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return f"The database lacks migrations ({lacking}): run manage.py migrate first" if lacking else None
