"""Faults around a load: the database restarts, the disk fills, a constraint refuses. Nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from psycopg import OperationalError, connect

from connectors.models import Status
from ipai.embedded.services import Services
from tests.support.processes import ROOT, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def write_csv(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{i},{'x' * 60} {i}\n" for i in range(count))


def test_a_copy_that_fails_leaves_the_table_as_it_was(make_connector, run_now, files, rows):
    write_csv(files / "a.csv", 1_000)
    connector = make_connector("orders", path=str(files / "*.csv"), table="orders")
    assert run_now(connector).status == Status.SUCCESS
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ipai_bronze_core.orders ADD CONSTRAINT small CHECK (id < 1500) NOT VALID")
    write_csv(files / "b.csv", 2_000)
    run = run_now(connector)
    assert run.status == Status.FAILED
    assert "small" in run.error_message
    assert "\n" not in run.error_message
    assert rows("SELECT count(*) FROM ipai_bronze_core.orders") == [(1_000,)]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ipai_bronze_core.orders DROP CONSTRAINT small")
    assert run_now(connector).status == Status.SUCCESS
    assert rows("SELECT count(*) FROM ipai_bronze_core.orders") == [(3_000,)]


@pytest.mark.slow
def test_a_full_scratch_disk_is_one_clear_line(make_connector, environment, files, rows):
    write_csv(files / "a.csv", 900_000)
    make_connector("orders", path=str(files / "*.csv"), table="orders")
    limited = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, 2**21))
sys.argv = ["manage.py", "runconnector", "orders", "--json"]
runpy.run_path("manage.py", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", limited], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "failed"
    assert "disk" in answer["error_message"].lower() or "too large" in answer["error_message"].lower()
    assert rows("SELECT to_regclass('ipai_bronze_core.orders')") == [(None,)]


@pytest.mark.slow
def test_the_database_restarts_in_the_middle_of_a_load(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    write_csv(folder / "a.csv", 50_000)
    write_csv(folder / "b.csv", 1_500_000)
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"IPAI_HOME": str(tmp_path / "home"), "IPAI_FILES_ROOTS": str(folder)}

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    services = Services(Path(environment["IPAI_HOME"]))
    try:
        assert manage("migrate").returncode == 0
        config = json.dumps({"path": str(folder / "*.csv"), "table": "orders"})
        assert manage("createconnector", "orders", "--type", "files", "--config", config).returncode == 0
        run = subprocess.Popen(
            [sys.executable, "manage.py", "runconnector", "orders", "--json"],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def loading() -> bool:
            try:
                with connect(services.database_url) as database:
                    found = database.execute("SELECT 1 FROM pg_stat_progress_copy WHERE tuples_processed > 0").fetchone()
                    return bool(found and database.execute("SELECT count(*) FROM ipai_loaded_part").fetchone() == (1,))
            except OperationalError:
                return False

        wait_for(loading, 60, "the COPY of the second file")
        services.postgres.stop()
        services.ensure_postgres()
        out, err = run.communicate(timeout=120)
        answer = json.loads(out)
        assert answer["status"] == "failed", err
        assert "database" in answer["error_message"].lower()
        again = json.loads(manage("runconnector", "orders", "--json").stdout)
        assert again["status"] == "success"
        with connect(services.database_url) as database:
            assert database.execute("SELECT count(*) FROM ipai_bronze_core.orders").fetchone() == (1_550_000,)
    finally:
        services.stop()
