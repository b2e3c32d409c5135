"""The processes of a Procfile live and die together, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipai.embedded.supervisor import read_procfile
from tests.embedded.homes import Runner, eventually, processes_of

RUN = """
import pathlib, sys
from ipai.embedded.supervisor import Supervisor, read_procfile
folder = pathlib.Path(sys.argv[1])
died = folder / "service died"
watch = lambda: "PostgreSQL has stopped" if died.exists() else None
sys.exit(Supervisor(read_procfile(folder / "Procfile"), folder=folder, log=folder / "log" / "portal.log", watch=watch).run())
"""
GOOD = "import time; from ipai.embedded.orphans import exit_with_parent; exit_with_parent(); print('ready'); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)"
# Its own child does not end with it.
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); time.sleep(600)"

Supervise = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def supervise(runner: Runner, home: Path) -> Supervise:
    def start(**programs: str) -> subprocess.Popen[str]:
        """Start each program and wait until it has said that it is ready."""
        home.mkdir()
        lines = []
        for name, code in programs.items():
            (home / f"{name}.py").write_text(code)
            lines.append(f"{name}: python '{home}/{name}.py'\n")
        (home / "Procfile").write_text("# comment\n" + "".join(lines))
        supervisor = runner.start(sys.executable, "-c", RUN, str(home))
        log = home / "log" / "portal.log"
        assert eventually(lambda: log.exists() and log.read_text().count("ready") == len(programs)), log.read_text()
        return supervisor

    return start


def pid_of(home: Path, name: str) -> int:
    return next(process.pid for process in processes_of(home) if process.cmdline()[-1].endswith(f"/{name}.py"))


def end(supervisor: subprocess.Popen[str], home: Path, seconds: float = 20) -> str:
    """Its output, once it has ended and nothing is left."""
    output = supervisor.communicate(timeout=seconds)[0]
    assert not processes_of(home)
    return output


def test_ctrl_c_ends_all_and_is_a_success(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=GOOD, worker=GOOD)
    began = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    output = end(supervisor, home)
    assert supervisor.returncode == 0
    assert time.monotonic() - began < 5
    lines = output.splitlines()
    assert any(line.endswith("web    | ready") for line in lines), output
    assert any(line.endswith("worker | ready") for line in lines), output
    assert lines[-1].endswith("portal | Stopping (Ctrl-C again kills)")
    assert "\x1b" not in output
    assert (home / "log" / "portal.log").read_text().count("ready") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_ask_for_the_end(supervise: Supervise, home: Path, number: signal.Signals) -> None:
    supervisor = supervise(web=GOOD)
    supervisor.send_signal(number)
    end(supervisor, home)
    assert supervisor.returncode == 0


def test_a_killed_process_ends_all_and_is_named(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=GOOD, worker=GOOD)
    os.kill(pid_of(home, "worker"), signal.SIGKILL)
    output = end(supervisor, home)
    assert output.count("worker was killed by SIGKILL: stopping") == 1
    assert supervisor.returncode == 1


def test_a_process_that_ends_by_itself_ends_all(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(
        web=GOOD, beat="import sys, time; print('ready'); time.sleep(1); print('last words', end=''); sys.exit(3)"
    )
    output = end(supervisor, home)
    assert output.index("last words") < output.index("beat ended with exit code 3: stopping")
    assert supervisor.returncode == 1


def test_a_dead_service_ends_all(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=GOOD)
    (home / "service died").touch()
    assert "PostgreSQL has stopped: stopping" in end(supervisor, home)
    assert supervisor.returncode == 1


def test_the_children_of_a_killed_process_die_too(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(worker=PARENT)
    os.kill(pid_of(home, "worker"), signal.SIGKILL)
    assert eventually(lambda: "worker was killed" in (home / "log" / "portal.log").read_text())
    supervisor.send_signal(signal.SIGINT)  # the child ignores SIGTERM: do not wait for its ten seconds
    end(supervisor, home, seconds=5)


def test_a_second_ctrl_c_kills_at_once(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=STUBBORN)
    supervisor.send_signal(signal.SIGINT)
    assert not eventually(lambda: supervisor.poll() is not None, 1)
    supervisor.send_signal(signal.SIGINT)
    end(supervisor, home, seconds=5)


@pytest.mark.slow
def test_a_stubborn_process_is_killed_after_ten_seconds(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=STUBBORN, worker=GOOD)
    supervisor.send_signal(signal.SIGINT)
    began = time.monotonic()
    end(supervisor, home)
    assert 9 < time.monotonic() - began < 13


def test_kill_9_of_the_supervisor_leaves_nothing(supervise: Supervise, home: Path) -> None:
    supervisor = supervise(web=GOOD, worker=GOOD)
    supervisor.kill()
    assert eventually(lambda: not processes_of(home), 5)


def test_a_process_that_starts_up_slowly_notices_too(supervise: Supervise, home: Path) -> None:
    """Its parent is gone before it comes to look."""
    supervisor = supervise(web=f"import time; print('ready', flush=True); time.sleep(1); {GOOD}")
    supervisor.kill()
    assert eventually(lambda: not processes_of(home), 5)


def test_the_products_procfile_has_four_processes(home: Path) -> None:
    commands = read_procfile(Path(__file__).resolve().parents[2] / "Procfile")
    assert list(commands) == ["web", "worker", "webhooks", "beat"]
    assert all(command.startswith("python -m ") for command in commands.values())
