"""Roles: what they may do, and that the console's groups and the database say the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

from ipai.access import permissions, services
from ipai.access.models import Role, User
from ipai.access.permissions import ACTIONS, ROLE_MAY, may, may_read
from ipai.access.roles import PERMISSIONS, permissions_of, sync_roles
from ipai.lakehouse.tables import LAYERS

pytestmark = pytest.mark.django_db


def person(*roles: str, **more: Any) -> User:
    return services.create_person("-".join(roles) or "plain", actor_name="tester", roles=roles, **more)


def test_every_action_has_its_permissions() -> None:
    assert set(PERMISSIONS) == ACTIONS
    assert set(ROLE_MAY) == set(permissions.ROLE_LAYERS) == set(Role.values)


@pytest.mark.parametrize("role", Role.values)
def test_the_groups_hold_what_the_table_says(role: str) -> None:
    held = {
        f"{permission.content_type.app_label}.{permission.codename}"
        for permission in Group.objects.get(name=role).permissions.select_related("content_type")
    }
    assert held == permissions_of(role)  # each named permission exists, too


def test_auditors_only_look() -> None:
    assert all(".view_" in name for name in permissions_of("auditor"))
    seen = {"observability.view_auditlog", "access.view_apitoken", "access.view_user", "vault.view_secret"}
    assert seen <= permissions_of("auditor")


def test_nobody_may_change_the_audit_log_or_run_history() -> None:
    models = ("observability.{}_auditlog", "connectors.{}_connectorrun")
    frozen = {model.format(verb) for model in models for verb in ("change", "delete")}
    for role in Role.values:
        assert not frozen & permissions_of(role)


def test_roles_in_the_console() -> None:
    operator = person("operator")
    assert operator.is_staff
    assert operator.has_perm("connectors.view_connectorconfig")
    assert not operator.has_perm("connectors.change_connectorconfig")
    assert may(operator, "run_connectors")
    assert not may(operator, "edit_connectors")
    assert not person().is_staff


def test_sync_is_idempotent_and_repairs() -> None:
    group = Group.objects.get(name="operator")
    extra = Permission.objects.get(codename="delete_connectorconfig")
    group.permissions.add(extra)
    custom = Group.objects.create(name="our own")
    custom.permissions.add(extra)
    for _ in range(2):
        sync_roles(apps.get_app_config("connectors"), using="default", apps=apps)
    assert extra not in group.permissions.all()
    assert extra in custom.permissions.all()


def test_changing_roles() -> None:
    someone = person("operator")
    someone.groups.add(Group.objects.create(name="our own"))
    services.set_roles(someone, ["auditor"], actor_name="tester")
    assert User.objects.get(pk=someone.pk).roles == {"auditor"}
    assert someone.groups.filter(name="our own").exists()
    services.set_roles(someone, [], actor_name="tester")
    assert not User.objects.get(pk=someone.pk).is_staff
    with pytest.raises(services.AccessError, match="emperor"):
        services.set_roles(someone, ["emperor"], actor_name="tester")


def test_a_typing_mistake_in_an_action_is_an_error() -> None:
    with pytest.raises(ValueError, match="veiw"):
        may(person("operator"), "veiw_connectors")


def test_switched_off_people_may_nothing() -> None:
    someone = person("platform_admin")
    someone.is_active = False
    assert not may(someone, "view_connectors")


@pytest.mark.parametrize("schema", LAYERS)
@pytest.mark.parametrize("role", Role.values)
def test_the_layers_are_those_of_the_database(role: str, schema: str) -> None:
    claims = f'{{"app_metadata": {{"ipai_roles": ["{role}"]}}}}'
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
        cursor.execute("SELECT ipai_auth.can_read(%s)", [LAYERS[schema].name])
        (answer,) = cursor.fetchone()

    class Principal:
        roles = frozenset({role})

    assert may_read(Principal(), schema) is answer
