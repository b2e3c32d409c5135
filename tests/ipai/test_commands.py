"""What every command does when it cannot do its work: one line, one JSON object, the documented exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection

from ipai.commands import JsonCommand
from tests.support.processes import ROOT

OURS = sorted(
    name
    for name, app in get_commands().items()
    if app.startswith(("ipai.", "connectors", "devops")) and isinstance(load_command_class(app, name), JsonCommand)
)


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_with_json_is_among_them():
    assert set(OURS) == {
        *("cancelrun", "checkconnector", "createconnector", "createtenant", "createtoken", "ensureadmin", "loaddemo"),
        *("migrationdryrun", "refreshdevops", "rlsaudit", "runconnector", "speckit"),
    }


@pytest.mark.parametrize("name", OURS)
def test_wrong_usage_is_one_json_object(name, capsys):
    command = load_command_class(get_commands()[name], name)
    with pytest.raises(SystemExit) as left:
        command.run_from_argv(["manage.py", name, "--json", "--nonsense"])
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert (left.value.code, error["kind"], error["exit_code"]) == (2, "usage", 2)
    assert error["message"] in said.err


def test_what_nobody_foresaw_is_an_object_too(capsys):
    class Broken(JsonCommand):
        def handle(self, **options: object) -> None:
            raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        Broken().run_from_argv(["manage.py", "broken", "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["exit_code"], "secret" in error["message"]) == ("unexpected", 1, False)


@pytest.mark.django_db
def test_a_config_that_does_not_fit_names_its_fields(capsys):
    command = load_command_class("connectors", "createconnector")
    with pytest.raises(SystemExit) as left:
        command.run_from_argv(
            ["manage.py", "createconnector", "x", "--type", "files", "--json", "--config", '{"path": "/a", "table": "A"}']
        )
    error = json.loads(capsys.readouterr().out)["error"]
    assert (left.value.code, list(error["fields"])) == (2, ["table"])


@pytest.fixture
def empty(environment):
    """The environment with a database that no migration has seen."""
    name = f"{connection.settings_dict['NAME']}_empty"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    url = urlsplit(environment["DATABASE_URL"])
    yield environment | {"DATABASE_URL": url._replace(path=f"/{name}").geturl()}
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "words",
    [
        "createconnector a --type files --config {} --json",
        "runconnector a --json",
        "cancelrun a --json",
        "createtenant acme --json",
        "createtoken a --roles operator --json",
        "ensureadmin --json",
        "createsuperuser --username a --email a@b.c --noinput",
    ],
)
def test_a_database_without_migrations_is_one_line(empty, words):
    done = manage(empty, *words.split())
    assert done.returncode == 1
    assert "run manage.py migrate first" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    if words.endswith("--json"):
        assert "run manage.py migrate first" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_one_line(environment):
    away = environment | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    done = manage(away, "runconnector", "a", "--json")
    assert done.returncode == 1
    assert "cannot be reached" in json.loads(done.stdout)["error"]["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_settings_that_do_not_fit_are_an_object_too(environment):
    done = manage(environment | {"DATABASE_URL": "mysql://a/b"}, "runconnector", "a", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["exit_code"]) == (2, 2)
