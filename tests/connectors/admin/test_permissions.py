"""Each role sees and does in the console what ROLE_MAY says, in its own tenant alone, by POST alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from connectors import services
from connectors.models import ConnectorConfig, ConnectorRun
from ipai.access.models import Role
from ipai.access.permissions import ROLE_MAY

pytestmark = pytest.mark.django_db


def changes(connector, run):
    """Every address that changes something, with the action it needs."""
    key = [connector.pk]
    return [
        (reverse("admin:connector_run", args=key), "run_connectors"),
        (reverse("admin:connector_test", args=key), "run_connectors"),
        (reverse("admin:connector_enabled", args=key), "pause_connectors"),
        (reverse("admin:connector_reset", args=key), "edit_connectors"),
        (reverse("admin:connector_delete", args=key), "edit_connectors"),
        (reverse("admin:connector_check"), "edit_connectors"),
        (reverse("admin:connector_upload"), "edit_connectors"),
        (reverse("admin:run_retry", args=[run.pk]), "run_connectors"),
        (reverse("admin:run_cancel", args=[run.pk]), "run_connectors"),
    ]


PAGES = [
    ("admin:connectors", "view_connectors"),
    ("admin:runs", "view_connectors"),
    ("admin:connector_add", "edit_connectors"),
    ("admin:catalog", "view_catalog"),
    ("admin:secrets", "view_secrets"),
    ("admin:secret_add", "edit_secrets"),
    ("admin:audit", "view_audit"),
    ("admin:audit_export", "view_audit"),
    ("admin:people", "view_people"),
    ("admin:person_add", "manage_people"),
    ("admin:tokens", "view_people"),
    ("admin:token_add", "manage_people"),
    ("admin:tenants", "view_people"),
    ("admin:schedules", "view_people"),
]


@pytest.mark.parametrize("role", Role.values)
def test_pages_open_for_the_roles_that_may(role, as_role):
    browser = as_role(role)
    for name, action in PAGES:
        wanted = 200 if action in ROLE_MAY[role] else 403
        assert browser.get(reverse(name)).status_code == wanted, (role, name)


@pytest.mark.parametrize("role", Role.values)
def test_changes_are_refused_to_roles_that_may_not(role, as_role, connector, make_run):
    run = make_run(connector)
    browser = as_role(role)
    for address, action in changes(connector, run):
        if action not in ROLE_MAY[role]:
            assert browser.post(address, {"mode": "full", "on": "0", "stream": "orders"}).status_code == 403, (role, address)
    if "edit_connectors" not in ROLE_MAY[role]:
        assert ConnectorConfig.objects.get(pk=connector.pk).is_enabled or "pause_connectors" in ROLE_MAY[role]
        assert ConnectorConfig.objects.filter(pk=connector.pk).exists()


def test_changes_answer_post_alone(as_role, connector, make_run):
    run = make_run(connector)
    browser = as_role("platform_admin")
    for address, _ in changes(connector, run):
        assert browser.get(address).status_code == 405, address
    assert ConnectorRun.objects.count() == 1


def test_changes_need_the_csrf_token(as_role, connector):
    person = as_role("platform_admin")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = person.cookies
    assert strict.post(reverse("admin:connector_delete", args=[connector.pk])).status_code == 403
    assert ConnectorConfig.objects.filter(pk=connector.pk).exists()


def test_another_tenants_connector_and_run_do_not_exist(as_role, connector, make_run, other_tenant):
    run = make_run(connector)
    browser = as_role("platform_admin", tenant=other_tenant)
    assert browser.get(reverse("admin:connector", args=[connector.pk])).status_code == 404
    assert browser.get(reverse("admin:connector_edit", args=[connector.pk])).status_code == 404
    assert browser.get(reverse("admin:run", args=[run.pk])).status_code == 404
    assert browser.get(reverse("admin:run_live", args=[run.pk])).status_code == 404
    for address, _ in changes(connector, run):
        if str(connector.pk) in address or str(run.pk) in address:
            assert browser.post(address).status_code == 404, address
    for name in ("admin:index", "admin:connectors", "admin:runs"):
        assert b"orders" not in browser.get(reverse(name)).content
    assert b"orders" not in browser.get(reverse("admin:find"), {"q": "order"}).content.replace(
        b"\xe2\x80\x9corder\xe2\x80\x9d", b""
    )


def test_a_superuser_sees_every_tenant(as_role, other_tenant, actor, files):
    services.create_connector(
        actor=actor, tenant=other_tenant, name="theirs", connector_type="files", config={"path": str(files), "table": "theirs"}
    )
    page = as_role("platform_admin", superuser=True).get(reverse("admin:connectors")).content.decode()
    assert "theirs" in page
    assert "Elsewhere" in page


def test_buttons_one_may_not_press_are_not_there(as_role, connector, make_run):
    make_run(connector, "failed", error_message="The file is gone")
    address = reverse("admin:connector", args=[connector.pk])
    operator, engineer, reader = (
        as_role(role).get(address).content.decode() for role in ("operator", "data_engineer", "bi_developer")
    )
    assert "Run now" in operator
    assert "Pause" in operator
    assert reverse("admin:connector_delete", args=[connector.pk]) not in operator
    assert reverse("admin:connector_delete", args=[connector.pk]) in engineer
    assert "Run now</button>" not in reader
    assert "Pause</button>" not in reader


@pytest.mark.parametrize("role", Role.values)
def test_settings_are_read_by_every_role_and_changed_by_few(role, as_role, actor, tenant, files):
    made = services.create_connector(
        actor=actor,
        tenant=tenant,
        name="cloud",
        connector_type="files",
        config={"bucket": "the-bucket", "table": "t"},
        secrets={"secret_key": "hush-hush-value"},
    )
    browser, address = as_role(role), reverse("admin:connector", args=[made.pk])
    page = browser.get(address, {"tab": "settings"}).content.decode()
    answer = browser.get(f"/api/v1/connectors/{made.pk}/")
    assert "the-bucket" in page
    assert answer.json()["config"]["bucket"] == "the-bucket"
    assert "hush-hush-value" not in page + answer.content.decode()
    edit = reverse("admin:connector_edit", args=[made.pk])
    may = role in ("platform_admin", "data_engineer")
    assert (edit in page, browser.get(edit).status_code) == (may, 200 if may else 403)


def test_rejected_records_are_for_those_who_read_bronze(as_role, connector, make_run):
    run = make_run(connector, rejected=1)
    run.rejected.create(stream="orders", place="orders.csv:7", reason="amount is not a number", raw="7,secret-amount")
    address = reverse("admin:run", args=[run.pk])
    assert "secret-amount" in as_role("data_engineer").get(address).content.decode()
    assert "secret-amount" not in as_role("operator").get(address).content.decode()


def test_somebody_without_a_login_is_sent_to_it(db):
    response = Client().get(reverse("admin:connectors"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("admin:login"))
