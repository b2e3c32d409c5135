"""Secrets, people, tokens, tenants and the audit log in the console."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.urls import reverse

from connectors import services
from ipai.access.models import ApiToken, Tenant, User
from ipai.access.services import create_person, create_token
from ipai.access.tokens import authenticate
from ipai.observability import audit
from ipai.observability.models import AuditLog
from ipai.vault.models import Secret
from ipai.vault.services import reveal, set_secret

pytestmark = pytest.mark.django_db
VALUE = "hush-hush-value"


def text(response):
    return response.content.decode()


def test_a_secret_is_set_rotated_and_never_shown(as_role, tenant):
    browser = as_role("data_engineer")
    browser.post(reverse("admin:secret_add"), {"name": "warehouse/key", "value": VALUE, "description": "Of the warehouse"})
    secret = Secret.objects.get(name="warehouse/key")
    assert reveal(tenant.id, ["warehouse/key"]) == {"warehouse/key": VALUE}
    browser.post(reverse("admin:secret", args=[secret.pk]), {"value": "another-value"})
    assert reveal(tenant.id, ["warehouse/key"]) == {"warehouse/key": "another-value"}
    for page in (reverse("admin:secrets"), reverse("admin:secret", args=[secret.pk]), reverse("admin:find") + "?q=warehouse"):
        assert VALUE not in text(browser.get(page))
        assert "another-value" not in text(browser.get(page))
    again = browser.post(reverse("admin:secret_add"), {"name": "warehouse/key", "value": "third"})
    assert "There is a secret of this name" in text(again)
    assert "third" not in text(again)


def test_a_used_secret_is_not_deleted(as_role, tenant, actor, files):
    connector = services.create_connector(
        actor=actor,
        tenant=tenant,
        name="cloud",
        connector_type="files",
        config={"bucket": "b", "table": "t"},
        secrets={"access_key": VALUE},
    )
    used, free = Secret.objects.get(), set_secret(tenant.id, "free", VALUE, "test")
    browser = as_role("platform_admin")
    page = text(browser.get(reverse("admin:secrets")))
    assert reverse("admin:connector", args=[connector.pk]) in page
    assert reverse("admin:secret_delete", args=[used.pk]) not in page
    assert "used by cloud" in text(browser.post(reverse("admin:secret_delete", args=[used.pk]), follow=True))
    browser.post(reverse("admin:secret_delete", args=[free.pk]))
    assert list(Secret.objects.all()) == [used]


def test_a_secret_that_a_program_set_says_which(as_role, tenant, other_tenant):
    set_secret(tenant.id, "k", VALUE, "token nightly")
    set_secret(other_tenant.id, "k", VALUE, "token of somebody else")
    assert "by token nightly" in text(as_role("auditor").get(reverse("admin:secrets")))


def test_secrets_of_another_tenant_do_not_exist(as_role, tenant, other_tenant):
    secret = set_secret(tenant.id, "ours", VALUE, "test")
    browser = as_role("platform_admin", tenant=other_tenant)
    assert "ours" not in text(browser.get(reverse("admin:secrets")))
    assert browser.get(reverse("admin:secret", args=[secret.pk])).status_code == 404
    assert browser.post(reverse("admin:secret_delete", args=[secret.pk])).status_code == 404


def test_a_person_is_made_with_roles_and_changed(as_role):
    browser = as_role("platform_admin")
    browser.post(reverse("admin:person_add"), {"username": "new", "roles": ["operator", "auditor"], "password": "a-long-enough-2"})
    made = User.objects.get(username="new")
    assert made.roles == {"operator", "auditor"}
    assert made.check_password("a-long-enough-2")
    browser.post(
        reverse("admin:person", args=[made.pk]),
        {"roles": ["operator"], "is_active": "on", "email": "new@example.org", "password": ""},
    )
    made.refresh_from_db()
    assert (made.roles, made.email, made.is_active) == ({"operator"}, "new@example.org", True)
    assert made.check_password("a-long-enough-2")
    browser.post(reverse("admin:person", args=[made.pk]), {"roles": ["operator"], "email": "", "password": "yet-another-3"})
    made.refresh_from_db()
    assert not made.is_active
    assert made.check_password("yet-another-3")
    events = AuditLog.objects.filter(entity_type="person", entity_id=str(made.pk))
    assert events.count() >= 3
    assert not events.filter(details__icontains="yet-another").exists()


def test_a_weak_password_is_refused(as_role):
    page = as_role("platform_admin").post(reverse("admin:person_add"), {"username": "new", "roles": [], "password": "123"})
    assert "too short" in text(page)
    assert not User.objects.filter(username="new").exists()


def test_an_admin_of_a_tenant_cannot_touch_superusers_others_or_themselves(as_role, other_tenant):
    browser = as_role("platform_admin")
    boss = create_person("boss", actor_name="test", roles=["platform_admin"], password="a-long-enough-1", is_superuser=True)
    stranger = create_person("stranger", actor_name="test", roles=["operator"], tenant=other_tenant, password="a-long-enough-1")
    me = User.objects.get(username="platform_admin")
    assert browser.post(reverse("admin:person", args=[boss.pk]), {"password": "taken-over-1"}).status_code == 403
    assert browser.post(reverse("admin:person", args=[stranger.pk]), {"password": "taken-over-1"}).status_code == 404
    assert "lock yourself out" in text(browser.post(reverse("admin:person", args=[me.pk]), {"roles": ["platform_admin"]}))
    assert browser.get(reverse("admin:tenant_add")).status_code == 403
    form = {"username": "mole", "roles": ["operator"], "password": "a-long-enough-1", "tenant": str(other_tenant.pk)}
    browser.post(reverse("admin:person_add"), form)
    assert User.objects.get(username="mole").tenant == me.tenant


def test_the_last_platform_admin_stays_one(as_role):
    browser = as_role("platform_admin")
    me = User.objects.get(username="platform_admin")
    address = reverse("admin:person", args=[me.pk])
    page = browser.post(address, {"roles": ["auditor"], "is_active": "on"})
    assert "last active platform admin" in text(page)
    assert User.objects.get(pk=me.pk).roles == {"platform_admin"}
    assert browser.get(address).status_code == 200
    create_person("second", actor_name="test", roles=["platform_admin"])
    assert browser.post(address, {"roles": ["auditor"], "is_active": "on"}).status_code == 302
    assert User.objects.get(pk=me.pk).roles == {"auditor"}


def test_a_token_is_shown_once_works_and_is_revoked(as_role):
    browser = as_role("platform_admin")
    made = text(browser.post(reverse("admin:token_add"), {"name": "export", "roles": ["bi_developer"]}))
    plain = re.search(r"ipai_[A-Za-z0-9_-]{43}", made).group()
    token = authenticate(plain)
    assert token.name == "export"
    assert plain not in text(browser.get(reverse("admin:tokens")))
    browser.post(reverse("admin:token_revoke", args=[token.pk]))
    assert authenticate(plain) is None
    assert "Revoked" in text(browser.get(reverse("admin:tokens")))


def test_a_token_of_another_tenant_cannot_be_revoked(as_role, tenant, other_tenant):
    token, _ = create_token(tenant=tenant, name="ours", roles=["operator"], actor_name="test")
    browser = as_role("platform_admin", tenant=other_tenant)
    assert browser.post(reverse("admin:token_revoke", args=[token.pk])).status_code == 404
    assert ApiToken.objects.get(pk=token.pk).revoked_at is None


def test_a_superuser_adds_a_tenant(as_role):
    browser = as_role("platform_admin", superuser=True)
    assert "Lower-case" in text(browser.post(reverse("admin:tenant_add"), {"slug": "Not OK", "name": "X"}))
    browser.post(reverse("admin:tenant_add"), {"slug": "acme", "name": "Acme"})
    assert Tenant.objects.filter(slug="acme").exists()


@pytest.fixture
def events(tenant, other_tenant, actor):
    audit.record(
        actor,
        "connector",
        "connector",
        "c-1",
        "changed",
        {"changed": {"config": [{"path": "/old", "a": 1}, {"path": "/new", "a": 1}]}},
        tenant,
    )
    audit.record(audit.Actor("=cmd()"), "connector", "connector", "c-2", "created", {"name": "two"}, tenant)
    audit.record(actor, "secret", "secret", "hidden-one", "set", {}, other_tenant)


def test_the_audit_log_shows_differences_and_filters(as_role, events):
    browser = as_role("auditor")
    page = text(browser.get(reverse("admin:audit")))
    assert "<del>/old</del> → <ins>/new</ins>" in page
    assert "config.a" not in page
    assert "hidden-one" not in page
    assert "c-2" not in text(browser.get(reverse("admin:audit"), {"actor": "tester"}))
    assert "c-1" not in text(browser.get(reverse("admin:audit"), {"entity": "connector", "id": "c-2"}))
    assert "c-2" in text(browser.get(reverse("admin:audit"), {"q": "two"}))


def test_the_audit_log_shows_whole_ids_and_addresses(as_role, tenant):
    key = "5b1c6f0e-8a52-4b6e-9d57-0c2f3f1f7e10"
    audit.record(audit.Actor("ann", "203.0.113.7"), "connector", "connector", key, "changed", {}, tenant)
    page = text(as_role("auditor").get(reverse("admin:audit")))
    assert f">{key}<" in page
    assert "203.0.113.7" in page
    assert "<th>Address</th>" in page


def test_the_export_is_what_was_filtered_and_no_formula(as_role, events):
    response = as_role("auditor").get(reverse("admin:audit_export"), {"entity": "connector"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert {row["entity_id"] for row in rows} == {"c-1", "c-2"}
    assert "'=cmd()" in {row["actor"] for row in rows}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "  =", "＝", "＋", "－", "＠", "|", "%"])
def test_no_column_of_the_export_is_a_formula(as_role, tenant, start):
    evil = f"{start}HYPERLINK(1)"
    audit.record(audit.Actor(evil, user_agent=evil), "connector", evil, evil, evil, {}, tenant)
    export = b"".join(as_role("auditor").get(reverse("admin:audit_export")).streaming_content).decode()
    cells = [cell for row in csv.reader(io.StringIO(export, newline="")) for cell in row]
    assert [cell for cell in cells if "HYPERLINK" in cell] == [f"'{evil}"] * 5
    assert "" in cells  # nothing is put before what is empty


def test_a_superuser_exports_every_tenant(as_role, events):
    response = as_role("platform_admin", superuser=True).get(reverse("admin:audit_export"))
    assert b"hidden-one" in b"".join(response.streaming_content)
