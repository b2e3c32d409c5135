"""A command that was killed, one that is in the way, and cancelling: as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from connectors import services
from connectors.engine import process
from connectors.errors import RunInProgress
from connectors.models import ConnectorRun, RunStream, Status
from tests.support import numbers  # noqa: F401  (registers the source)
from tests.support.processes import ROOT, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
MANAGE = """
import runpy, sys, tests.support.numbers
sys.argv = ["manage.py", *sys.argv[1:]]
runpy.run_path("manage.py", run_name="__main__")
"""
WHO = "from connectors.engine.process import this_process; print(this_process())"


@pytest.fixture
def start(environment):
    """Start a command with the test source; ended at the end of the test."""
    started = []

    def manage(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", MANAGE, *arguments]
        made = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(made)
        return made

    yield manage
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def slow(make_connector):
    return make_connector("slow", "numbers", streams=["slow"], rows=100_000, delay=0.01, batch=20)


@pytest.fixture
def busy(slow, start):
    """A command that has committed some rows of ``slow`` and goes on."""
    running = start("runconnector", "slow", "--json")
    wait_for(lambda: RunStream.objects.filter(status=Status.RUNNING, rows_written__gt=0).exists(), 30, "a running stream")
    return running


def finish(command: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = command.communicate(timeout=60)
    return command.returncode, out, err


def test_what_a_killed_command_held_is_taken_over_at_once(slow, busy, actor, rows):
    os.kill(busy.pid, signal.SIGKILL)
    os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie still
    following = services.queue_run(connector=slow, actor=actor)
    dead = ConnectorRun.objects.exclude(pk=following.pk).get()
    assert dead.status == Status.FAILED
    assert f"process {busy.pid} on {socket.gethostname()}" in dead.error_message
    assert dead.rows_read == dead.rows_written == rows("SELECT count(*) FROM ipai_bronze_core.slow")[0][0] > 0


def test_a_command_killed_before_its_streams_is_taken_over_too(slow, actor):
    text = subprocess.run([sys.executable, "-c", WHO], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    run = services.queue_run(connector=slow, actor=actor, send_to_worker=False)
    ConnectorRun.objects.update(metadata={"process": text})
    following = services.queue_run(connector=slow, actor=actor)
    run.refresh_from_db()
    assert (run.status, following.status) == (Status.FAILED, Status.QUEUED)


def test_a_refusal_names_the_holder_and_when_it_is_freed(slow, busy, start, actor):
    code, out, err = finish(start("runconnector", "slow", "--json"))
    run = ConnectorRun.objects.get()
    said = json.loads(out)["error"]
    assert (code, said["exit_code"], said["run_id"]) == (1, 1, str(run.pk))
    for words in (f"process {busy.pid} on {socket.gethostname()}", f"{run.started_at:%H:%M:%S} UTC", "freed in", "cancelrun"):
        assert words in said["message"]
        assert words in err


def test_the_lease_of_another_machine_is_waited_for(slow, actor):
    run = services.queue_run(connector=slow, actor=actor)
    (stream,) = services.plan_run(run.pk)
    elsewhere = process.this_process().rsplit(":", 1)[0].replace(str(os.getpid()), "999999") + ":another"
    RunStream.objects.filter(pk=stream).update(
        status=Status.RUNNING, lease_owner=elsewhere, lease_expires_at=Now() + timedelta(seconds=20), lease_token=uuid.uuid4()
    )
    with pytest.raises(RunInProgress, match=r"process 999999 .* freed in (19|20) s"):
        services.queue_run(connector=slow, actor=actor)


def test_a_later_process_with_the_same_number_is_another_one():
    host, pid, started, machine = process.this_process().split(":")
    assert not process.is_dead(f"{host}:{pid}:{started}:{machine}")
    assert process.is_dead(f"{host}:{pid}:{int(started) - 1}:{machine}")
    assert not process.is_dead(f"{host}:{pid}:{int(started) - 1}:another")
    assert not process.is_dead("web-1:12")


@pytest.mark.parametrize("by_name", [True, False])
def test_cancelrun_stops_a_run_that_keeps_what_it_committed(busy, start, rows, by_name):
    run = ConnectorRun.objects.get()
    code, out, err = finish(start("cancelrun", "slow" if by_name else str(run.pk), "--json"))
    assert (code, json.loads(out)["run_id"]) == (0, str(run.pk)), err
    code, out, _ = finish(busy)
    ended = json.loads(out)
    assert (code, ended["status"]) == (1, "cancelled")
    assert ended["rows_written"] == rows("SELECT count(*) FROM ipai_bronze_core.slow")[0][0] > 0


def test_cancelrun_with_nothing_to_cancel(slow, start, run_now, make_connector):
    done = run_now(make_connector("quick", "numbers", streams=["a"], rows=1))
    for name, expected, words in (
        ("slow", 1, "no run that is queued or running"),
        (str(done.pk), 1, "ended already (success)"),
        ("nobody", 2, "no connector 'nobody'"),
    ):
        code, out, err = finish(start("cancelrun", name, "--json"))
        assert code == json.loads(out)["error"]["exit_code"] == expected
        assert words in json.loads(out)["error"]["message"]
        assert words in err
        assert "Traceback" not in err
