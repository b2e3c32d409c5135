"""migrationdryrun, as the command it is: on our migrations, and on planted ones that are wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

pytestmark = pytest.mark.xdist_group("dryrun")  # they look for scratch databases that are left, anybody's

ROOT = Path(__file__).resolve().parents[3]
HEAD = (
    "from django.db import migrations\nfrom ipai.lakehouse.sqlmigration import RunSQLFile\nclass Migration(migrations.Migration):\n"
)


def dry_run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "migrationdryrun", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def scratch_databases() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'ipai\\_dryrun\\_%'")
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def planted(tmp_path: Path, environment: dict[str, str]) -> Any:
    """Run the dry run with one app's migrations only: ``planted({"0001_x.py": text, ...})`` -> (exit code, report)."""
    settings = os.environ["DJANGO_SETTINGS_MODULE"]
    (tmp_path / "planted_settings.py").write_text(
        f"from {settings} import *\nfrom django.apps import AppConfig\n"
        "INSTALLED_APPS = [*INSTALLED_APPS, 'planted']\n"
        "class Only(dict):\n"
        "    def __contains__(self, label): return label != 'planted'\n"
        "    def __getitem__(self, label): return None\n"
        "MIGRATION_MODULES = Only()\n"
    )

    def run(files: dict[str, str]) -> tuple[int, dict[str, Any]]:
        folder = tmp_path / "planted" / "migrations"
        folder.mkdir(parents=True)
        for name in ("planted/__init__.py", "planted/migrations/__init__.py"):
            (tmp_path / name).touch()
        for name, text in files.items():
            (folder / name).write_text(text if name.endswith(".sql") else HEAD + text)
        path = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
        done = dry_run(environment | {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "planted_settings"}, "--json")
        assert done.stdout, done.stderr
        assert scratch_databases() == []
        return done.returncode, json.loads(done.stdout)

    return run


@pytest.mark.slow
@pytest.mark.outside
@pytest.mark.pooler
def test_our_own_migrations_apply_reverse_and_apply_again(environment: dict[str, str]) -> None:
    done = dry_run(environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reversed without a trace, applied again to the same schema" in done.stdout
    assert "lakehouse.0004_audit_log" in done.stdout
    assert "ipai_audit_log ShareRowExclusive" in done.stdout
    assert scratch_databases() == []


def test_a_migration_that_cannot_be_reversed_fails(planted: Any) -> None:
    code, report = planted({"0001_once.py": "    operations = [migrations.RunSQL('CREATE TABLE once (id int)')]\n"})
    assert code == 1
    assert report["stage"] == "reverse"
    assert report["problems"] == ["planted.0001_once cannot be reversed: Raw SQL operation"]


def test_a_missing_down_file_fails(planted: Any) -> None:
    code, report = planted({"0001_a.py": "    operations = [RunSQLFile('0001_a')]\n", "0001_a.up.sql": "CREATE TABLE a (id int);"})
    assert code == 1
    assert "0001_a.down.sql is missing: write it beside the migration" in report["problems"][0]


def test_what_a_reverse_leaves_behind_is_listed(planted: Any) -> None:
    code, report = planted(
        {
            "0001_a.py": "    operations = [RunSQLFile('0001_a')]\n",
            "0001_a.up.sql": "CREATE SCHEMA IF NOT EXISTS kept; CREATE TABLE a (id int);"
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE mood AS ENUM ('fine');",
            "0001_a.down.sql": "DROP TABLE a; DROP TYPE mood;",
        }
    )
    assert code == 1
    assert [line.split(" owner")[0] for line in report["leftovers"]] == ["added function public.f()", "added schema kept"]


def test_an_application_that_differs_the_second_time_is_seen(planted: Any) -> None:
    code, report = planted(
        {
            "0001_a.py": "    operations = [RunSQLFile('0001_a')]\n",
            "0001_a.up.sql": "DO $$ BEGIN EXECUTE format('CREATE TABLE a (id int CHECK (id > %s))', txid_current()); END $$",
            "0001_a.down.sql": "DROP TABLE a",
        }
    )
    assert code == 1
    assert report["stage"] == "done"
    assert [line.split(" CHECK")[0] for line in report["differences"]] == [
        "added constraint public.a.a_id_check",
        "missing constraint public.a.a_id_check",
    ]


def test_locks_destructive_steps_and_failures_are_reported(planted: Any) -> None:
    code, report = planted(
        {
            "0001_a.py": "    operations = [RunSQLFile('0001_a')]\n",
            "0001_a.up.sql": "CREATE TABLE a (id int, gone int); CREATE TABLE b (id int);",
            "0001_a.down.sql": "DROP TABLE b; DROP TABLE a;",
            "0002_b.py": "    dependencies = [('planted', '0001_a')]\n    operations = [RunSQLFile('0002_b')]\n",
            "0002_b.up.sql": "ALTER TABLE a DROP COLUMN gone; UPDATE b SET id = 1; CREATE TABLE c (id int);",
            "0002_b.down.sql": "DROP TABLE c; ALTER TABLE a ADD COLUMN gone int; SELECT 1 / 0;",
        }
    )
    assert code == 1
    step = report["steps"][1]
    assert step["locks"] == {"a": "AccessExclusiveLock", "b": "RowExclusiveLock"}
    assert step["destructive"] == ["drops a column: gone", "updates all rows: b"]
    assert report["problems"] == ["planted.0002_b: reversing: division by zero"]


def test_sql_files_run_with_timeouts_that_end_with_the_migration(planted: Any) -> None:
    timeouts = "concat_ws(' ', current_setting('lock_timeout'), current_setting('statement_timeout'))"
    check = "DO $$ BEGIN IF {0} {1} '5s 10min' THEN RAISE EXCEPTION 'timeouts are %', {0}; END IF; END $$"
    code, report = planted(
        {
            "0001_a.py": "    operations = [RunSQLFile('0001_a')]\n",
            "0001_a.up.sql": check.format(timeouts, "<>"),
            "0001_a.down.sql": check.format(timeouts, "<>"),
            "0002_b.py": "    dependencies = [('planted', '0001_a')]\n"
            f"    operations = [migrations.RunSQL({check.format(timeouts, '=')!r}, migrations.RunSQL.noop)]\n",
        }
    )
    assert (code, report["problems"]) == (0, [])


def test_an_sql_file_outside_a_transaction_is_refused(planted: Any) -> None:
    code, report = planted(
        {
            "0001_a.py": "    atomic = False\n    operations = [RunSQLFile('0001_a')]\n",
            "0001_a.up.sql": "SELECT 1",
            "0001_a.down.sql": "SELECT 1",
        }
    )
    assert code == 1
    assert report["problems"] == ["planted.0001_a: 0001_a.up.sql needs a transaction: leave the migration atomic"]


def test_without_the_right_to_make_a_database_it_says_so(environment: dict[str, str]) -> None:
    url = environment["DATABASE_URL"]
    done = dry_run(environment | {"DATABASE_URL": f"{url}{'&' if '?' in url else '?'}options=-c%20role%3Dipai_user"})
    assert done.returncode == 1
    assert "permission denied to create database" in done.stderr
    assert "the right with ALTER ROLE ... CREATEDB" in done.stderr


def test_a_server_that_is_not_there_is_one_clear_line(environment: dict[str, str]) -> None:
    done = dry_run(environment | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"})
    assert done.returncode == 1
    assert "see that DATABASE_URL can be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_2(environment: dict[str, str]) -> None:
    assert dry_run(environment, "--no-such-option").returncode == 2
