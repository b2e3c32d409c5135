"""The Webhook tab, a delivery's page and the API's share of both: what they show, to whom, and what they change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from connectors import services
from connectors.models import WebhookDelivery
from connectors.services.configs import secrets_of
from connectors.webhook import Envelope
from connectors.webhooks.store import STORE, parameters
from ipai.access.models import Role
from ipai.access.services import create_person, create_tenant, create_token
from tests.connectors.webhooks import payloads
from tests.connectors.webhooks.conftest import SECRET

pytestmark = pytest.mark.django_db
OPERATES, EDITS = {"platform_admin", "data_engineer", "operator"}, {"platform_admin", "data_engineer"}


@pytest.fixture
def failed(connector: Any, rows: Any) -> str:
    """A delivery that was given up."""
    from django.db import connection

    envelope = Envelope("guid-1", "issues", json.dumps(payloads.issue("opened", 1)).encode(), "opened", 7, 1)
    with connection.cursor() as cursor:
        cursor.execute(STORE.replace("%b", "%s"), parameters(connector.pk, connector.tenant_id, envelope))
    WebhookDelivery.objects.update(status="failed", attempts=5, error="It has no number")
    return "guid-1"


@pytest.fixture
def browser(db: None, settings: Any, tmp_path: Any) -> Any:
    """A browser of a person with a role."""
    settings.STATIC_ROOT = tmp_path

    def login(role: str, tenant: Any = None) -> Client:
        person = create_person(f"{role}-{tenant}", actor_name="test", roles=[role], tenant=tenant, password="a-long-enough-1")
        client = Client()
        client.force_login(person)
        return client

    return login


def test_the_tab_shows_address_state_and_deliveries(browser: Any, connector: Any, failed: str) -> None:
    page = browser("operator").get(reverse("admin:connector", args=[connector.pk]), {"tab": "webhook"}).content.decode()
    assert "http://testserver/webhooks/github/gh/" in page
    assert "It has no number" in page
    assert "Process failed again" in page
    assert "Rotate secret" not in page, "an operator does not edit"
    assert SECRET not in page


def test_a_source_without_webhooks_has_no_tab(browser: Any, make_connector: Any, files: Any) -> None:
    orders = make_connector("orders", path=str(files / "x.csv"), table="orders")
    client = browser("data_engineer")
    assert "tab=webhook" not in client.get(reverse("admin:connector", args=[orders.pk])).content.decode()
    assert client.get(reverse("admin:connector", args=[orders.pk]), {"tab": "webhook"}).status_code == 404


def test_filters_and_their_empty_state(browser: Any, connector: Any, failed: str) -> None:
    client, address = browser("operator"), reverse("admin:connector", args=[connector.pk])
    assert "guid-1" in client.get(address, {"tab": "webhook", "status": "failed", "event": "issues"}).content.decode()
    assert "No delivery fits" in client.get(address, {"tab": "webhook", "status": "done"}).content.decode()


@pytest.mark.parametrize("role", Role.values)
def test_payloads_are_for_roles_that_read_bronze(browser: Any, connector: Any, failed: str, role: str) -> None:
    answer = browser(role).get(reverse("admin:delivery", args=[connector.pk, failed]))
    assert answer.status_code == 200
    assert ("Issue 1 at 1" in answer.content.decode()) == (role in EDITS)


@pytest.mark.parametrize("role", Role.values)
def test_changes_are_for_the_roles_that_may(browser: Any, connector: Any, failed: str, role: str) -> None:
    client, key = browser(role), [connector.pk]
    for name, args, may in (
        ("delivery_again", [*key, failed], OPERATES),
        ("deliveries_again", key, OPERATES),
        ("webhook_sweep", key, OPERATES),
        ("webhook_secret", key, EDITS),
    ):
        answer = client.post(reverse(f"admin:{name}", args=args))
        assert (answer.status_code != 403) == (role in may), name


def test_another_tenants_webhook_does_not_exist(browser: Any, connector: Any, failed: str) -> None:
    client = browser("platform_admin", create_tenant("elsewhere", "Elsewhere", actor_name="test"))
    assert client.get(reverse("admin:delivery", args=[connector.pk, failed])).status_code == 404
    assert client.post(reverse("admin:webhook_secret", args=[connector.pk])).status_code == 404
    assert WebhookDelivery.objects.get().status == "failed"


def test_a_new_secret_is_shown_once(browser: Any, connector: Any) -> None:
    client = browser("data_engineer")
    answer = client.post(reverse("admin:webhook_secret", args=[connector.pk]))
    connector.refresh_from_db()
    secret = secrets_of(connector)["webhook_secret"]
    assert secret != SECRET
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    tab = client.get(reverse("admin:connector", args=[connector.pk]), {"tab": "webhook"}).content.decode()
    assert secret not in tab
    assert "is accepted until" in tab


def test_processing_again_makes_it_pending(browser: Any, connector: Any, failed: str) -> None:
    browser("operator").post(reverse("admin:delivery_again", args=[connector.pk, failed]))
    assert (WebhookDelivery.objects.get().status, WebhookDelivery.objects.get().attempts) == ("pending", 0)


class Api:
    """A program with a role."""

    def __init__(self, tenant: Any, role: str) -> None:
        self.token = create_token(tenant=tenant, name=role, roles=[role], actor_name="test")[1]

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        return Client().generic(
            method, f"/api/v1/connectors/{path}", data, content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {self.token}"
        )


def test_the_api_tells_the_same(connector: Any, failed: str, tenant: Any) -> None:
    engineer, operator, auditor = (Api(tenant, role) for role in ("data_engineer", "operator", "auditor"))
    told = operator("GET", "gh/webhook/").json()
    assert (told["url"], told["has_secret"], told["counts"]) == ("http://testserver/webhooks/github/gh/", True, {"failed": 1})
    listed = operator("GET", "gh/deliveries/?status=failed&event=issues").json()
    assert [one["delivery_id"] for one in listed["results"]] == [failed]
    assert "payload" not in listed["results"][0]
    assert operator("GET", "gh/deliveries/?status=done").json()["results"] == []
    assert operator("GET", f"gh/deliveries/{failed}/").json()["payload"] is None
    assert "Issue 1 at 1" in engineer("GET", f"gh/deliveries/{failed}/").json()["payload"]
    assert auditor("POST", f"gh/deliveries/{failed}/process/").status_code == 403
    assert operator("POST", f"gh/deliveries/{failed}/process/").json() == {"deliveries": 1}
    assert operator("POST", "gh/deliveries/process/").status_code == 409
    assert operator("GET", "gh/deliveries/none/").status_code == 404
    assert operator("POST", "gh/webhook/secret/", {}).status_code == 403
    made = engineer("POST", "gh/webhook/secret/", {"at_vendor": False})
    assert (made.status_code, made.json()["url"], made.json()["hooks"]) == (201, "http://testserver/webhooks/github/gh/", [])
    connector.refresh_from_db()
    assert secrets_of(connector)["webhook_secret"] == made.json()["secret"]


def test_the_api_pages_through_deliveries(connector: Any, tenant: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for number in range(7):
            envelope = Envelope(f"guid-{number}", "push", b"{}", None, 7, 1)
            cursor.execute(STORE.replace("%b", "%s"), parameters(connector.pk, connector.tenant_id, envelope))
    operator, found, path = Api(tenant, "operator"), [], "gh/deliveries/?limit=3"
    while path:
        page = operator("GET", path).json()
        found += [one["delivery_id"] for one in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1/connectors/")[2]
    assert found == [f"guid-{number}" for number in range(6, -1, -1)]


def test_figures_are_in_the_metrics(connector: Any, failed: str) -> None:
    text = Client().get("/metrics").content.decode()
    assert "ipai_webhooks_pending 0.0" in text
    WebhookDelivery.objects.update(status="pending")
    text = Client().get("/metrics").content.decode()
    assert "ipai_webhooks_pending 1.0" in text
    assert "ipai_webhook_oldest_pending_seconds" in text
    assert services.due_connectors() == [connector.pk]
