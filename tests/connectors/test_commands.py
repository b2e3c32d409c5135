"""createconnector, checkconnector, runconnector: exit codes and output."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from connectors.models import ConnectorConfig, ConnectorRun
from tests.support.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def manage(environment):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def orders(files):
    path = files / "orders.csv"
    path.write_text("id,code,amount\n1,007,1.50\n2,008,2.25\n")
    return json.dumps({"path": str(path), "table": "orders", "primary_key": ["id"]})


def test_from_nothing_to_rows_by_three_commands(manage, orders, rows, files):
    made = manage("createconnector", "orders", "--type", "files", "--config", orders, "--json")
    assert (made.returncode, json.loads(made.stdout)["result"]) == (0, "created"), made.stderr
    checked = manage("checkconnector", "orders")
    assert checked.returncode == 0, checked.stdout
    assert all(line.startswith("ok") for line in checked.stdout.splitlines())
    ran = manage("runconnector", "orders", "--json")
    answer = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n") == 1
    assert answer["streams"][0] | {"stream": "orders", "read": 2, "written": 2} == answer["streams"][0]
    assert answer["proof"] is None
    assert answer["run_id"] == str(ConnectorRun.objects.get().pk)
    assert rows("SELECT id, code, amount::text FROM ipai_bronze_core.orders ORDER BY id") == [
        (1, "007", "1.50"),
        (2, "008", "2.25"),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["createconnector", "x", "--type", "nothing", "--config", "{}"], "no source 'nothing'"),
        (["createconnector", "x", "--type", "files", "--config", "{"], "not JSON"),
        (["createconnector", "x", "--type", "files", "--config", "[]"], "JSON object"),
        (["createconnector", "x", "--type", "files", "--config", "{}"], "table"),
        (["createconnector", "a b", "--type", "files", "--config", '{"path": "/a.csv", "table": "a"}'], "no spaces"),
        (["runconnector", "missing"], "no connector 'missing'"),
        (["runconnector"], "required"),
        (["checkconnector", "x", "--tenant", "nobody"], "no tenant 'nobody'"),
    ],
)
def test_wrong_usage_exits_2_with_one_clear_line(manage, arguments, says):
    done = manage(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_that_fails_exits_1_and_says_why(manage, files, orders):
    manage("createconnector", "orders", "--type", "files", "--config", orders)
    (files / "orders.csv").unlink()
    done = manage("runconnector", "orders", "--json")
    assert done.returncode == 1
    assert "No file" in json.loads(done.stdout)["error_message"]
    assert manage("checkconnector", "orders").returncode == 1


def test_an_update_keeps_what_is_not_given(manage, orders):
    manage("createconnector", "orders", "--type", "files", "--config", orders, "--schedule", "0 6 * * *")
    changed = json.loads(orders) | {"schema_policy": "freeze"}
    done = manage("createconnector", "orders", "--type", "files", "--config", json.dumps(changed), "--update", "--json")
    assert json.loads(done.stdout)["result"] == "changed", done.stderr
    connector = ConnectorConfig.objects.get()
    assert (connector.schedule, connector.config["schema_policy"]) == ("0 6 * * *", "freeze")
    again = manage("createconnector", "orders", "--type", "files", "--config", orders)
    assert (again.returncode, "already" in again.stderr) == (2, True)
