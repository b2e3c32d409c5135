"""Every migration on a scratch database: apply, reverse, re-apply, and what each took, locked and could lose."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.utils import Error
from psycopg.errors import InsufficientPrivilege

from ipai.lakehouse.destructive import destructive_steps
from ipai.lakehouse.fingerprint import fingerprint
from ipai.lakehouse.sqlmigration import RunSQLFile, SQLFileError

LOCK_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""Weakest first; from ShareLock on, writers wait."""
TABLES = """
SELECT c.oid, c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname <> 'django_migrations'
"""
LOCKS = """
SELECT relation, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class DryRunError(Exception):
    """The dry run could not be made; the message says why and what to do."""


@dataclass(slots=True)
class Step:
    """One migration: ``locks`` is table -> strongest lock taken on a table that was there before, ``error`` why it failed."""

    migration: str
    seconds: float = 0.0
    reverse_seconds: float | None = None
    locks: dict[str, str] = field(default_factory=dict)
    locks_known: bool = True
    destructive: list[str] = field(default_factory=list)
    irreversible: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(slots=True)
class Report:
    """``leftovers``: what reversing left behind or took away; ``differences``: between first and second application."""

    steps: list[Step] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    stage: str = "apply"
    """The stage reached: apply, reverse, re-apply, done."""

    @property
    def problems(self) -> list[str]:
        """What makes the dry run fail, one line each."""
        return [
            *(f"{step.migration}: {step.error}" for step in self.steps if step.error),
            *(f"{step.migration} cannot be reversed: {reason}" for step in self.steps for reason in step.irreversible),
            *(f"reversing everything leaves: {line}" for line in self.leftovers),
            *(f"applying again gives another schema: {line}" for line in self.differences),
        ]

    @property
    def ok(self) -> bool:
        return self.stage == "done" and not self.problems


def dry_run(progress: Callable[[str], None] = lambda line: None) -> Report:
    """Apply, reverse and re-apply every migration of every app on a database made for it and dropped after it.

    ``progress`` is told each stage. Raises :class:`DryRunError` when no scratch database can be made.
    """
    report = Report()
    with scratch_database() as name:
        progress(f"scratch database {name}")
        with connection.cursor() as cursor:
            empty = fingerprint(cursor)
        plan = [migration for migration, _ in _executor().migration_plan(_leaves(), clean_start=True)]
        report.steps = [Step(str(migration)) for migration in plan]
        progress(f"applying {len(plan)} migrations")
        if not _apply(plan, report.steps):
            return report
        first = _now()
        report.stage = "reverse"
        if any(step.irreversible for step in report.steps):
            return report
        progress("reversing them")
        if not _reverse(plan, report.steps):
            return report
        report.leftovers = _differences(empty, _now())
        report.stage = "re-apply"
        progress("applying them again")
        if not _apply(plan, [Step(step.migration) for step in report.steps], failures=report.steps):
            return report
        report.differences = _differences(first, _now())
        report.stage = "done"
    return report


@contextmanager
def scratch_database() -> Iterator[str]:
    """Point Django's default connection at a new, empty database; drop it and point back whatever happens."""
    if connection.in_atomic_block:
        raise DryRunError("the dry run cannot be made inside a transaction")
    home, name = connection.settings_dict["NAME"], f"ipai_dryrun_{os.getpid()}"
    quoted = connection.ops.quote_name(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
    except Error as error:
        who = connection.settings_dict.get("USER") or "the database user"
        denied = isinstance(error.__cause__, InsufficientPrivilege)
        hint = f"give {who} the right with ALTER ROLE ... CREATEDB" if denied else "see that DATABASE_URL can be reached"
        raise DryRunError(f"no scratch database could be made ({_line(error)}): {hint}") from error
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        _reach(name)
        yield name
    finally:
        connection.close()
        connection.settings_dict["NAME"] = home
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def _reach(name: str) -> None:
    try:
        connection.ensure_connection()
    except Error as error:
        hint = "point DATABASE_URL at the server itself, not at a pooler with a fixed list of databases"
        raise DryRunError(f"the scratch database {name} cannot be reached ({_line(error)}): {hint}") from error


def _apply(plan: list[Migration], steps: list[Step], failures: list[Step] | None = None) -> bool:
    """Apply the plan and fill in the steps; stops at the first failure, told in ``failures`` (or the steps)."""
    executor = _executor()
    executor.recorder.ensure_schema()
    state = ProjectState(real_apps=executor.loader.unmigrated_apps)
    for index, (migration, step) in enumerate(zip(plan, steps, strict=True)):
        step.irreversible = _irreversible(migration)
        sent: list[str] = []
        began = time.perf_counter()
        try:
            with connection.execute_wrapper(_recorder(sent)), _transaction(migration):
                before = _tables()
                state = executor.apply_migration(state, migration)
                step.locks = _locks(before)
        except (Error, SQLFileError) as error:
            (failures or steps)[index].error = _line(error)
            return False
        step.seconds = round(time.perf_counter() - began, 4)
        step.locks_known = migration.atomic
        step.destructive = list(dict.fromkeys(found for script in sent for found in destructive_steps(script)))
    return True


def _reverse(plan: list[Migration], steps: list[Step]) -> bool:
    """Reverse the plan, last first; stops at the first failure."""
    executor = _executor()
    states: list[ProjectState] = []
    state = ProjectState(real_apps=executor.loader.unmigrated_apps)
    for migration in plan:
        if "apps" not in state.__dict__:
            state.apps  # noqa: B018  (rendered once, then carried along: rendering is what costs)
        states.append(state)
        state = migration.mutate_state(state, preserve=True)
    for migration, step, before in reversed(list(zip(plan, steps, states, strict=True))):
        began = time.perf_counter()
        try:
            executor.unapply_migration(before, migration)
        except (Error, SQLFileError) as error:
            step.error = f"reversing: {_line(error)}"
            return False
        step.reverse_seconds = round(time.perf_counter() - began, 4)
    return True


def _irreversible(migration: Migration) -> list[str]:
    """The operations of a migration that cannot be undone, in words."""
    found = []
    for operation in migration.operations:
        if not operation.reversible:
            found.append(operation.describe())
        elif isinstance(operation, RunSQLFile):
            try:
                operation.sql(migration.app_label, "down")
            except SQLFileError as error:
                found.append(str(error))
    return found


def _transaction(migration: Migration) -> Any:
    """A transaction around the migration's own, so that its locks are still held when they are counted."""
    return transaction.atomic() if migration.atomic else nullcontext()


def _recorder(sent: list[str]) -> Callable[..., Any]:
    def record(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        sent.append(str(sql))
        return execute(sql, params, many, context)

    return record


def _tables() -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return dict(cursor.fetchall())


def _locks(tables: dict[int, str]) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(LOCKS)
        held = cursor.fetchall()
    locks: dict[str, str] = {}
    for relation, mode in sorted(held, key=lambda lock: LOCK_MODES.index(lock[1])):
        if relation in tables:
            locks[tables[relation]] = mode
    return dict(sorted(locks.items()))


def _executor() -> MigrationExecutor:
    return MigrationExecutor(connection)


def _leaves() -> list[tuple[str, str]]:
    return list(_executor().loader.graph.leaf_nodes())


def _now() -> frozenset[str]:
    with connection.cursor() as cursor:
        return fingerprint(cursor)


def _differences(before: frozenset[str], after: frozenset[str]) -> list[str]:
    return [*(f"added {line}" for line in sorted(after - before)), *(f"missing {line}" for line in sorted(before - after))]


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
