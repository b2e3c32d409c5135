"""Setting up and looking after a webhook, against a server that answers as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from connectors import services
from connectors.models import ConnectorRun, ConnectorState, WebhookDelivery
from connectors.services.configs import secrets_of
from connectors.services.hooks import last_sweep, webhook_path
from ipai.observability.models import AuditLog
from tests.connectors.webhooks import payloads
from tests.connectors.webhooks.conftest import SECRET
from tests.connectors.webhooks.fakes import FakeGitHub, running

pytestmark = pytest.mark.django_db(transaction=True)
BASE = "https://data.acme.example/"


@pytest.fixture
def github(settings: Any) -> Iterator[FakeGitHub]:
    """A running fake."""
    settings.IPAI_ALLOW_PRIVATE_URLS = True
    with running() as fake:
        yield fake


@pytest.fixture
def gh(github: FakeGitHub, connector: Any, actor: Any) -> Any:
    """The connector, which asks the fake."""
    return services.update_connector(actor, connector, config={"owner": "acme", "api_url": github.url})


@pytest.fixture
def shop(gh: Any) -> None:
    """The repository is loaded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ipai_bronze_devops.repositories (_connector_id, _tenant_id, _run_id, id, full_name, archived)"
            " VALUES (%s, %s, gen_random_uuid(), 7, 'acme/shop', false)",
            [gh.pk, gh.tenant_id],
        )


def test_the_hook_of_the_organisation_is_made_with_the_new_secret(gh: Any, github: FakeGitHub, actor: Any) -> None:
    made = services.rotate_webhook_secret(actor, gh, BASE)
    (hook,) = github.hooks["orgs/acme"]
    assert hook["config"] == {
        "url": "https://data.acme.example/webhooks/github/gh/",
        "content_type": "json",
        "secret": made.secret,
        "insecure_ssl": "0",
    }
    assert {"push", "issues", "workflow_run", "deployment_status"} <= set(hook["events"])
    assert (made.problem, [one.place for one in made.hooks]) == ("", ["acme"])
    kept = secrets_of(made.connector)
    assert (kept["webhook_secret"], kept["webhook_secret_previous"]) == (made.secret, SECRET)
    again = services.rotate_webhook_secret(actor, made.connector, BASE)
    assert len(github.hooks["orgs/acme"]) == 1, "the one that is there gets the secret"
    assert github.hooks["orgs/acme"][0]["config"]["secret"] == again.secret != made.secret


def test_the_hook_of_another_portal_is_left_alone(gh: Any, github: FakeGitHub, actor: Any) -> None:
    settings = {"url": "https://staging.acme.example/webhooks/github/gh/", "content_type": "json"}
    github.hooks["orgs/acme"].append({"id": 9, "active": True, "events": ["push"], "config": dict(settings)})
    services.rotate_webhook_secret(actor, gh, BASE)
    services.rotate_webhook_secret(actor, gh, BASE.upper().replace("HTTPS", "https"))
    theirs, ours = github.hooks["orgs/acme"]
    assert theirs["config"] == settings
    assert ours["config"]["url"].lower() == "https://data.acme.example/webhooks/github/gh/"


def test_without_hooks_of_an_organisation_each_repository_gets_one(gh: Any, shop: None, github: FakeGitHub, actor: Any) -> None:
    github.has_org_hooks = False
    made = services.rotate_webhook_secret(actor, gh, BASE)
    assert [one.place for one in made.hooks] == ["acme/shop"]
    assert github.hooks["repos/acme/shop"][0]["config"]["secret"] == made.secret


def test_a_token_that_may_not_is_told_what_it_lacks(gh: Any, github: FakeGitHub, actor: Any) -> None:
    github.may_write = False
    made = services.rotate_webhook_secret(actor, gh, BASE)
    assert made.hooks == ()
    assert "admin:org_hook" in made.problem
    assert made.secret not in made.problem
    assert secrets_of(made.connector)["webhook_secret"] == made.secret, "it can be set by hand"


def test_the_secret_is_in_no_audit_event(gh: Any, github: FakeGitHub, actor: Any) -> None:
    made = services.rotate_webhook_secret(actor, gh, BASE)
    events = [(event.action, str(event.details)) for event in AuditLog.objects.filter(event_type="webhook", entity_id=gh.pk)]
    assert {action for action, _ in events} == {"webhook secret rotated", "webhook installed"}
    assert made.secret not in str(events)


def test_the_address_has_the_id_where_another_tenant_has_the_name(gh: Any, actor: Any) -> None:
    from ipai.access.models import Tenant

    assert webhook_path(gh) == "/webhooks/github/gh/"
    north = Tenant.objects.create(slug="north", name="North")
    services.create_connector(actor=actor, tenant=north, name="gh", connector_type="github", config={"owner": "north"})
    assert webhook_path(gh) == f"/webhooks/github/{gh.pk}/"


def test_lost_deliveries_are_fetched_once(gh: Any, github: FakeGitHub, actor: Any, rows: Any) -> None:
    services.rotate_webhook_secret(actor, gh, BASE)
    github.deliver("lost-1", "issues", payloads.issue("opened", 1), "2026-11-01T00:01:00Z")
    github.deliver("lost-1", "issues", payloads.issue("opened", 1), "2026-11-01T00:02:00Z")
    github.deliver("lost-2", "issues", payloads.issue("closed", 5), "2026-11-01T00:05:00Z", status=401)
    told = services.sweep(gh)
    assert (told["hooks"], told["listed"], told["fetched"], told["gap"], told["error"]) == (1, 3, 2, "", "")
    services.process_deliveries(gh)
    assert rows("SELECT state FROM ipai_bronze_devops.issues") == [("closed",)]
    assert set(WebhookDelivery.objects.values_list("id", "status")) == {("lost-1", "done"), ("lost-2", "done")}
    told = services.sweep(gh)
    assert told["fetched"] == 0
    github.deliver("lost-3", "issues", payloads.issue("reopened", 9), "2026-11-01T00:09:00Z")
    assert services.sweep(gh)["fetched"] == 1
    assert last_sweep(gh)["fetched"] == 1


def test_a_record_that_does_not_reach_back_has_the_changes_read(gh: Any, github: FakeGitHub, actor: Any) -> None:
    services.rotate_webhook_secret(actor, gh, BASE)
    github.deliver("one", "issues", payloads.issue("opened", 1), "2026-11-01T00:01:00Z")
    assert services.sweep(gh)["gap"] == ""
    github.sent.clear()
    github.deliver("two", "issues", payloads.issue("edited", 90), "2026-11-04T09:30:00Z")
    told = services.sweep(gh)
    assert "does not reach back" in told["gap"]
    (run,) = ConnectorRun.objects.all()
    assert (run.trigger, run.mode, run.status) == ("schedule", "incremental", "queued")
    assert AuditLog.objects.filter(entity_id=gh.pk, action="backfill").exists()


def test_a_delivery_that_cannot_be_fetched_has_the_changes_read(gh: Any, github: FakeGitHub, actor: Any) -> None:
    services.rotate_webhook_secret(actor, gh, BASE)
    github.deliver("gone", "push", None, "2026-11-01T00:01:00Z")
    assert "cannot be fetched" in services.sweep(gh)["gap"]
    assert ConnectorRun.objects.count() == 1
    assert services.sweep(gh)["listed"] == 1, "what lies within the overlap is looked at again"
    assert ConnectorRun.objects.count() == 1, "a run that is open is enough"


def test_a_refused_login_is_said(gh: Any, github: FakeGitHub, actor: Any) -> None:
    services.update_connector(actor, gh, secrets={"token": "wrong"})
    told = services.sweep(gh)
    assert "refused the token" in told["error"]
    assert ConnectorState.objects.get(stream="webhook_deliveries").cursor["last"]["error"] == told["error"]


def test_a_source_without_webhooks_has_none(make_connector: Any, actor: Any, files: Any) -> None:
    from connectors.errors import NotRunnable

    orders = make_connector("orders", path=str(files / "x.csv"), table="orders")
    with pytest.raises(NotRunnable):
        services.rotate_webhook_secret(actor, orders)
    assert not services.takes_webhooks(orders)
