"""The guard stops the services when nobody uses them, and never before."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from ipai.embedded.services import Services
from tests.embedded.homes import ROOT, Runner, eventually, processes_of


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, ipai.embedded.guard; print([m for m in sys.modules if m.split('.')[0] in ('django', 'psycopg', 'redis')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_it_stops_all_when_the_last_user_and_the_last_client_have_gone(runner: Runner, services: Services, home: Path) -> None:
    users = [
        runner.python("services.ensure(); print('up', flush=True); sys.stdin.read()", IPAI_EMBEDDED_GRACE="1") for _ in range(2)
    ]
    assert [line(user) for user in users] == ["up", "up"]
    users[0].kill()
    assert not eventually(lambda: not services.status().postgres, 3)
    with psycopg.connect(services.database_url):
        users[1].kill()
        assert not eventually(lambda: not services.status().postgres, 4)
    assert eventually(lambda: not processes_of(home))


@pytest.mark.slow
def test_after_a_lone_command_the_services_stay_for_its_pipeline(runner: Runner, services: Services) -> None:
    assert runner.python("services.ensure()").wait(30) == 0
    assert not eventually(lambda: not services.status().postgres, 5)


@pytest.mark.slow
def test_kill_9_of_up_leaves_nothing(runner: Runner, services: Services, home: Path) -> None:
    up = runner.python("print(services.claim_up(), flush=True); services.ensure(); print('up', flush=True); sys.stdin.read()")
    assert [line(up), line(up)] == ["True", "up"]
    second = runner.python("print(services.claim_up())")
    assert second.communicate(timeout=10)[0].strip() == "False"
    assert not eventually(lambda: not services.status().up, 2)
    up.kill()
    assert eventually(lambda: not processes_of(home), 10)


def test_who_comes_while_all_is_being_stopped_gets_it_started_again(runner: Runner, services: Services) -> None:
    code = """
        import psycopg
        for _ in range(6):
            time.sleep(0.15)
            services.ensure()
            psycopg.connect(services.database_url).close()
            assert services.stop_if_unused() in (True, False)
    """
    both = [runner.python(code, IPAI_EMBEDDED_GRACE="0") for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    services.ensure()
    assert services.status().guard


@pytest.mark.slow
def test_a_deleted_home_ends_its_servers(runner: Runner, home: Path) -> None:
    assert runner.python("services.ensure(); time.sleep(2)").wait(30) == 0
    shutil.rmtree(home)
    assert eventually(lambda: not processes_of(home), 10)
