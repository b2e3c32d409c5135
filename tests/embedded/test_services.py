"""Start, share and stop; every address works; nothing is opened to others."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from ipai.embedded.account import Account
from ipai.embedded.errors import ServiceError
from ipai.embedded.services import Services
from ipai.embedded.wire import query
from tests.embedded.homes import ROOT, Runner, processes_of


def ask(services: Services, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(services.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_first_start_makes_the_owner_its_database_and_vector(services: Services) -> None:
    services.ensure()
    flags = "rolcanlogin, rolcreaterole, rolcreatedb, rolsuper, rolbypassrls"
    assert ask(services, f"SELECT current_user, {flags} FROM pg_roles WHERE rolname = current_user") == [
        ("ipai", True, True, True, False, False)
    ]
    assert ask(
        services, "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'ipai'"
    ) == [("ipai", "UTF8")]
    names = ("wal_level", "listen_addresses", "TimeZone", "fsync", "max_connections")
    assert [ask(services, f"SHOW {name}")[0][0] for name in names] == ["minimal", "", "UTC", "off", "200"]
    ask(services, "CREATE DATABASE scratch")
    scratch = services.database_url.replace("/ipai?", "/scratch?")
    with psycopg.connect(scratch) as connection:
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,4]'").fetchone() == (2.0,)
        assert connection.execute("SELECT 'a' < 'B' COLLATE \"default\", upper('ä')").fetchone() == (False, "Ä")


def test_every_address_reaches_the_same_broker_and_it_keeps_all(services: Services) -> None:
    services.ensure_broker()
    with redis.Redis.from_url(services.redis_py_url) as client:
        client.set("from", "redis-py")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        with Connection(services.redis_url) as connection:
            assert connection.channel().client.get("from") == b"redis-py"


def test_a_second_start_keeps_the_data(services: Services, home: Path) -> None:
    services.ensure()
    ask(services, "CREATE TABLE kept AS SELECT 7 AS number")
    with redis.Redis.from_url(services.redis_py_url) as client:
        client.lpush("queue", "task")
    assert services.stop()
    assert not processes_of(home)
    assert not services.stop()
    services.ensure()
    assert ask(services, "SELECT number FROM kept") == [(7,)]
    with redis.Redis.from_url(services.redis_py_url) as client:
        assert client.lrange("queue", 0, -1) == [b"task"]


def test_when_running_ensure_is_quick_and_starts_no_process(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services.ensure()
    monkeypatch.setattr(subprocess, "Popen", None)
    began = time.perf_counter()
    for _ in range(100):
        assert not services.ensure_postgres()
        assert not services.ensure_broker()
    assert (time.perf_counter() - began) / 100 < 0.005


def test_eight_processes_at_once_get_one_server(services: Services, runner: Runner, home: Path) -> None:
    code = """
        import psycopg
        services.ensure()
        with psycopg.connect(services.database_url) as connection:
            print(connection.execute("SELECT pg_postmaster_start_time()").fetchone(), services.broker.pid())
    """
    answers = [process.communicate(timeout=60)[0] for process in [runner.python(code) for _ in range(8)]]
    assert len(set(answers)) == 1, answers
    assert "datetime" in answers[0]
    titles = [" ".join(process.cmdline()) for process in processes_of(home)]
    assert sum("/bin/postgres " in title for title in titles) == 1
    assert sum("valkey-server " in title for title in titles) == 1
    assert sum("ipai.embedded.guard" in title for title in titles) == 1


def test_only_the_owner_can_reach_the_sockets(services: Services) -> None:
    services.ensure()
    assert stat.S_IMODE(services.home.sockets.stat().st_mode) == 0o700
    for server in (services.postgres, services.broker):
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(home: Path) -> None:
    services = Services(home / ("long" * 30))
    try:
        services.ensure()
        assert services.home.sockets.parent == Path("/tmp")
        assert services.home.sockets.name.startswith(f"ipai-{os.getuid()}-")
        assert Services(home / ("long" * 30)).database_url == services.database_url
        assert stat.S_IMODE(services.home.sockets.stat().st_mode) == 0o700
        assert ask(services, "SELECT 1") == [(1,)]
        with Connection(services.redis_url) as connection:
            connection.connect()
    finally:
        services.stop()
        shutil.rmtree(services.home.sockets)


def test_a_folder_that_others_can_enter_is_closed_and_one_of_others_refused(home: Path) -> None:
    services = Services(home)
    home.mkdir()
    services.home.run.mkdir(mode=0o755)
    services.ensure_broker()
    assert stat.S_IMODE(services.home.run.stat().st_mode) == 0o700
    services.stop()
    shutil.rmtree(services.home.run)
    services.home.run.symlink_to("/tmp")
    with pytest.raises(ServiceError, match="belongs to another user"):
        Services(home).ensure_broker()


def test_a_private_parent_folder_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPAI_EMBEDDED_FSYNC", "0")
    parent = Path(tempfile.mkdtemp())
    before = parent.stat()
    services = Services(parent / "home")
    try:
        services.ensure()
        assert ask(services, "SELECT 1") == [(1,)]
        after = parent.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        assert stat.S_IMODE(after.st_mode) == 0o700
    finally:
        services.stop()
        shutil.rmtree(parent)


def test_a_normal_user_can_run_everything() -> None:
    """Root becomes another user for this; anybody else is one already."""
    parent = Path(tempfile.mkdtemp())
    prefix: tuple[str, ...] = ()
    if os.getuid() == 0:
        os.chown(parent, 65534, 65534)
        prefix = Account.of(parent).prefix  # it may enter the folder of the interpreter, which can be root's own
    code = """
        import os, pathlib, sys
        from ipai.embedded.services import Services
        services = Services(pathlib.Path(sys.argv[1]))
        services.ensure()
        print(os.getuid() > 0, services.status())
        print(services.stop(), services.status())
    """
    done = subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(code), str(parent / "home")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "IPAI_EMBEDDED_FSYNC": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not processes_of(parent)
    shutil.rmtree(parent)
    assert done.stdout.splitlines() == [
        "True Status(postgres=True, broker=True, guard=True, up=False)",
        "True Status(postgres=False, broker=False, guard=False, up=False)",
    ], done.stderr


def test_data_of_another_major_version_is_refused_in_one_line(services: Services) -> None:
    services.ensure_postgres()
    services.stop()
    (services.postgres.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServiceError, match=r"was made by PostgreSQL 15 and 18 is installed") as caught:
        services.ensure_postgres()
    assert "\n" not in str(caught.value)


def test_a_server_that_cannot_start_says_why(services: Services) -> None:
    services.ensure_postgres()
    services.stop()
    with (services.postgres.data / "postgresql.auto.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(ServiceError, match=r"PostgreSQL did not start: .*(no_such_setting|errors)"):
        services.ensure_postgres()


def test_a_question_to_a_database_that_is_not_there_is_an_error(services: Services) -> None:
    services.ensure_postgres()
    socket = services.postgres.socket
    with pytest.raises(ServiceError, match='database "nowhere" does not exist'):
        query(socket, user="postgres", database="nowhere", sql="SELECT 1")
    assert query(socket, user="ipai", database="ipai", sql="SELECT 1, NULL, 'ä'") == [("1", None, "ä")]
    with pytest.raises(ServiceError, match="division by zero"):
        query(socket, user="ipai", database="ipai", sql="SELECT 1/0")
