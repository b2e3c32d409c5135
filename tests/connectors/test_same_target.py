"""Two connectors that load one table at the same instant: every row of both arrives, and neither waits for ever."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
from django.db import connection

from connectors import services
from connectors.models import Status
from ipai.access.services import create_tenant
from tests.support.processes import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
ROWS = 3_000


def write(files, name, first, extra=""):
    lines = [f"{first + number},{name},{number}.5{',x' if extra else ''}" for number in range(ROWS)]
    (files / f"{name}.csv").write_text(f"id,origin,amount{',' + extra if extra else ''}\n" + "\n".join(lines) + "\n")
    return str(files / f"{name}.csv")


@pytest.fixture
def at_once(actor):
    """Run connectors at the same instant, each in a thread with a connection of its own; the ended runs."""

    def run(*connectors, mode="incremental"):
        start, ended, errors = threading.Barrier(len(connectors)), {}, []

        def work(connector):
            try:
                queued = services.queue_run(connector=connector, mode=mode, actor=actor, send_to_worker=False)
                start.wait(30)
                ended[connector.pk] = services.execute_run(queued.pk)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=[connector]) for connector in connectors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
            assert not thread.is_alive(), "a load waits for ever"
        assert errors == []
        return [ended[connector.pk] for connector in connectors]

    return run


def succeeded(runs):
    assert [(run.status, run.error_message) for run in runs] == [(Status.SUCCESS, "")] * len(runs)
    return runs


def counted(rows):
    return dict(rows("SELECT origin, count(DISTINCT id) FROM ipai_bronze_core.shared GROUP BY origin"))


@pytest.mark.parametrize("config", [{}, {"primary_key": "id"}, {"write_mode": "append"}], ids=["replace", "merge", "append"])
def test_the_first_loads_of_a_table(make_connector, at_once, files, rows, config):
    made = [make_connector(name, path=write(files, name, 0), table="shared", **config) for name in ("a", "b", "c")]
    succeeded(at_once(*made))
    assert counted(rows) == {"a": ROWS, "b": ROWS, "c": ROWS}
    assert rows("SELECT count(*) FROM ipai_bronze_core.shared") == [(3 * ROWS,)]


@pytest.mark.parametrize("config", [{}, {"primary_key": "id"}], ids=["replace", "merge"])
def test_later_loads_that_both_change_the_columns(make_connector, at_once, files, rows, config):
    made = [make_connector(name, path=write(files, name, 0), table="shared", **config) for name in ("a", "b")]
    succeeded(at_once(*made))
    for round_ in range(3):
        for name in ("a", "b"):
            write(files, name, round_ * 10, extra=f"{name}{round_}")
        succeeded(at_once(*made, mode="full"))
    columns = rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'shared' AND column_name ~ '^[ab][0-9]$'")
    assert sorted(name for (name,) in columns) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    held = ROWS + 20 if config else ROWS
    assert counted(rows) == {"a": held, "b": held}


def test_two_tenants_in_two_processes(make_connector, environment, files, actor, rows):
    other = create_tenant("beta", actor_name="tester")
    make_connector("a", path=write(files, "a", 0), table="shared", primary_key="id")
    config = {"path": write(files, "b", 0), "table": "shared", "primary_key": "id"}
    services.create_connector(actor=actor, tenant=other, name="b", connector_type="files", config=config)
    commands = [["runconnector", "a", "--json"], ["runconnector", "b", "--json", "--tenant", "beta"]]
    processes = [
        subprocess.Popen([sys.executable, "manage.py", *command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    answers = [json.loads(process.communicate(timeout=90)[0]) for process in processes]
    assert [(answer["status"], answer["error_message"]) for answer in answers] == [("success", "")] * 2
    assert rows("SELECT origin, count(*), count(DISTINCT _tenant_id) FROM ipai_bronze_core.shared GROUP BY 1 ORDER BY 1") == [
        ("a", ROWS, 1),
        ("b", ROWS, 1),
    ]
