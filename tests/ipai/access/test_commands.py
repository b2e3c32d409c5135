"""The commands: exit codes, JSON, and secrets shown once."""

from __future__ import annotations

import json
import threading
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate as login
from django.core.management import CommandError, call_command
from django.db import connection

from ipai.access import services
from ipai.access.models import ApiToken, Tenant, User
from ipai.access.tokens import authenticate

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def code(*args: str) -> int:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert "\n" not in str(caught.value)
    return caught.value.returncode


def test_createtenant(db: None) -> None:
    assert json.loads(run("createtenant", "acme", "--name", "Acme", "--json"))["slug"] == "acme"
    assert Tenant.objects.get(slug="acme").name == "Acme"
    assert code("createtenant", "acme") == 2
    assert code("createtenant", "No Good") == 2


def test_createtoken(tenant: Any) -> None:
    plain = run("createtoken", "bi", "--roles", "bi_developer,auditor")
    token = authenticate(plain)
    assert token
    assert (token.roles, token.tenant) == (["auditor", "bi_developer"], tenant)
    services.create_tenant("acme", actor_name="tester")
    body = json.loads(run("createtoken", "bi", "--roles", "operator", "--tenant", "acme", "--expires-in-days", "1", "--json"))
    assert ApiToken.objects.get(pk=body["id"]).expires_at is not None
    assert authenticate(body["token"])
    for wrong in (
        ("bi", "--roles", "operator"),
        ("x", "--roles", "emperor"),
        ("x", "--roles", ","),
        ("x", "--roles", "operator", "--tenant", "nobody"),
        ("x", "--roles", "operator", "--expires-in-days", "0"),
    ):
        assert code("createtoken", *wrong) == 2


def test_ensureadmin_makes_one_and_shows_the_password_once(db: None) -> None:
    first = json.loads(run("ensureadmin", "--json"))
    person = login(username="admin", password=first["password"])
    assert isinstance(person, User)
    assert person.is_superuser
    assert person.is_staff
    assert json.loads(run("ensureadmin", "--json")) == {"username": "admin", "password": None, "created": False}
    assert "changepassword admin" in run("ensureadmin")


@pytest.mark.django_db(transaction=True)
def test_ensureadmin_by_two_processes_at_once() -> None:
    made: list[str | None] = []

    def start() -> None:
        try:
            made.append(services.ensure_admin()[1])
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert sum(password is not None for password in made) == 1
