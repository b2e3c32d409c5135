"""Nobody takes away the last active platform admin of a tenant: not by roles, not by locking out, not two at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from ipai.access import services
from ipai.access.errors import AccessError
from ipai.access.models import User

pytestmark = pytest.mark.django_db


def admin(name: str, **more: Any) -> User:
    return services.create_person(name, actor_name="tester", roles=["platform_admin"], **more)


def change(person: User, **more: Any) -> User:
    given: dict[str, Any] = {"roles": person.roles, "email": "", "is_active": True}
    return services.change_person(person, actor_name="tester", **given | more)


def test_the_last_one_keeps_the_role_and_the_login() -> None:
    only = admin("only")
    services.create_person("engineer", actor_name="tester", roles=["data_engineer"])
    for field, more in (("roles", {"roles": ["auditor"]}), ("is_active", {"is_active": False})):
        with pytest.raises(AccessError, match="last active platform admin of Default") as caught:
            change(only, **more, email="new@example.org")
        assert set(caught.value.fields) == {field}
        only = User.objects.get(pk=only.pk)
        assert (only.roles, only.is_active, only.email) == ({"platform_admin"}, True, "")
    with pytest.raises(AccessError, match="last active"):
        services.set_roles(only, [], actor_name="tester")


def test_one_of_two_may_go_and_then_the_other_may_not() -> None:
    first, second = admin("first"), admin("second")
    change(first, roles=["auditor"])
    with pytest.raises(AccessError, match="last active"):
        change(second, is_active=False)


def test_admins_who_are_locked_out_or_elsewhere_do_not_count() -> None:
    only, locked = admin("only"), admin("locked")
    change(locked, is_active=False)
    admin("elsewhere", tenant=services.create_tenant("acme", actor_name="tester"))
    with pytest.raises(AccessError, match="last active"):
        change(only, roles=[])


def test_a_superuser_counts() -> None:
    boss = services.create_person("boss", actor_name="tester", is_superuser=True)
    change(admin("other"), roles=[])
    with pytest.raises(AccessError, match="last active"):
        change(boss, is_active=False)
    assert change(boss, roles=[]).roles == {"platform_admin"}


@pytest.mark.django_db(transaction=True)
def test_two_who_take_it_from_each_other_at_once() -> None:
    people = [admin("first"), admin("second")]
    start, refused = threading.Barrier(2), []

    def demote(person: User) -> None:
        try:
            start.wait()
            services.set_roles(person, [], actor_name="tester")
        except AccessError:
            refused.append(person)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert [User.objects.get(pk=person.pk).roles for person in refused] == [{"platform_admin"}]
