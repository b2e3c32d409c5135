"""kill -9 of anything: the next ensure() brings it back with its data."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

import psutil
import psycopg
import redis

from ipai.embedded import locks
from ipai.embedded.server import Server
from ipai.embedded.services import Services
from tests.embedded.homes import Runner, eventually, processes_of


def kill(server: Server) -> int:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def numbers(services: Services) -> list[tuple[int]]:
    with psycopg.connect(services.database_url) as connection:
        return connection.execute("SELECT number FROM kept").fetchall()


def with_data(services: Services) -> None:
    services.ensure()
    with psycopg.connect(services.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")


def test_postgres(services: Services) -> None:
    with_data(services)
    old = kill(services.postgres)
    assert eventually(lambda: not services.postgres.connects())
    services.ensure_postgres(doubtful=True)
    assert numbers(services) == [(7,)]
    assert services.postgres.pid() != old


def test_postgres_whose_busy_session_lives_on(services: Services, runner: Runner) -> None:
    """A session that only computes does not notice that its server has died."""
    with_data(services)
    busy = runner.python("""
        import psycopg
        with psycopg.connect(services.database_url) as connection:
            print(connection.info.backend_pid, flush=True)
            connection.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
    """)
    assert busy.stdout is not None
    backend = int(busy.stdout.readline())
    assert eventually(lambda: psutil.Process(backend).cpu_times().user > 0.1)
    kill(services.postgres)
    services.ensure_postgres(doubtful=True)
    assert numbers(services) == [(7,)]
    assert backend not in {process.pid for process in processes_of(services.home.root)}


def test_postgres_whose_number_another_process_has_got(services: Services) -> None:
    with_data(services)
    old = kill(services.postgres)
    assert eventually(lambda: not services.postgres.running())
    for file in (services.postgres.data / "postmaster.pid", services.postgres.socket.with_name(".s.PGSQL.5432.lock")):
        text = file.read_text()
        file.write_text(text.replace(str(old), str(os.getppid()), 1))
    services.ensure_postgres()
    assert numbers(services) == [(7,)]


def test_postgres_whose_socket_was_deleted(services: Services) -> None:
    with_data(services)
    services.postgres.socket.unlink()
    services.ensure_postgres()
    assert numbers(services) == [(7,)]


def test_postgres_after_a_start_that_was_cut_short(services: Services, home: Path) -> None:
    scratch = home / "postgres.new"
    (scratch / "base").mkdir(parents=True)
    (scratch / "PG_VERSION").write_text("18\n")
    services.ensure_postgres()
    assert not scratch.exists()
    assert services.status().postgres


def test_the_first_start_killed_at_any_moment(services: Services, runner: Runner, home: Path) -> None:
    for milliseconds in (50, 150, 250, 350, 450):
        starting = runner.python("services.ensure_postgres()")
        assert eventually(lambda: (home / "run").exists())
        eventually(lambda: False, milliseconds / 1000)
        starting.kill()
        services.ensure_postgres()
        services.stop()
        assert eventually(lambda: not processes_of(home))
        shutil.rmtree(home)
        services = Services(home)


def test_the_broker(services: Services) -> None:
    services.ensure()
    with redis.Redis.from_url(services.redis_py_url) as client:
        client.lpush("queue", "task")
    old = kill(services.broker)
    services.ensure_broker()
    assert services.broker.pid() != old
    with redis.Redis.from_url(services.redis_py_url) as client:
        assert client.lrange("queue", 0, -1) == [b"task"]


def test_the_guard(services: Services) -> None:
    services.ensure()
    assert eventually(lambda: services.home.guard_lock.read_text() != "")
    old = int(services.home.guard_lock.read_text())
    os.kill(old, signal.SIGKILL)
    assert locks.wait_until_free(services.home.guard_lock, 5)
    assert not services.ensure_postgres()
    assert services.status().guard


def test_everything_at_once(services: Services, home: Path) -> None:
    with_data(services)
    for process in processes_of(home):
        with contextlib.suppress(psutil.NoSuchProcess):  # children may go with their parent
            process.kill()
    services.ensure_postgres(doubtful=True)
    services.ensure_broker()
    assert numbers(services) == [(7,)]
    assert services.status().guard
