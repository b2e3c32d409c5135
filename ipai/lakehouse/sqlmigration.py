"""How migrations run SQL files: ``0001_schemas.up.sql`` and ``.down.sql`` beside ``0001_schemas.py``.

The files are frozen once applied (see :mod:`ipai.lakehouse.freeze`); a change is a new migration.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from django.db import router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

LOCK_TIMEOUT = "5s"
"""How long a migration waits for a table that others use, before it gives way to them."""
STATEMENT_TIMEOUT = "10min"

Direction = Literal["up", "down"]


class SQLFileError(Exception):
    """A migration's SQL file is missing or cannot be run; the message says which and why."""


def migrations_folder(app_label: str) -> Path:
    """The folder that holds the migrations of an installed app."""
    module_name, _ = MigrationLoader.migrations_module(app_label)
    module = import_module(module_name) if module_name else None
    if module is None or module.__file__ is None:
        raise SQLFileError(f"{app_label} has no package of migrations")
    return Path(module.__file__).parent


class RunSQLFile(Operation):
    """Runs ``<name>.up.sql`` forwards and ``<name>.down.sql`` backwards, whole, in the migration's transaction.

    Waits :data:`LOCK_TIMEOUT` for locks and :data:`STATEMENT_TIMEOUT` for a statement. Raises
    :class:`SQLFileError` when the file is missing or the migration is not atomic.
    """

    category = OperationCategory.SQL
    reduces_to_sql = True
    reversible = True

    def __init__(self, name: str) -> None:
        self.name = name

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        return (self.__class__.__qualname__, (self.name,), {})

    def describe(self) -> str:
        return f"Run {self.name}.up.sql"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """SQL files change nothing that Django models know of."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(app_label, schema_editor, "up")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(app_label, schema_editor, "down")

    def sql(self, app_label: str, direction: Direction) -> str:
        """The text of one of the two files."""
        path = migrations_folder(app_label) / f"{self.name}.{direction}.sql"
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise SQLFileError(f"{path} is missing: write it beside the migration") from None

    def _run(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, direction: Direction) -> None:
        if not router.allow_migrate(schema_editor.connection.alias, app_label):
            return
        text = self.sql(app_label, direction)
        if not (schema_editor.collect_sql or schema_editor.connection.in_atomic_block):
            raise SQLFileError(f"{self.name}.{direction}.sql needs a transaction: leave the migration atomic")
        schema_editor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", params=None)
        schema_editor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'", params=None)
        schema_editor.execute(text, params=None)
