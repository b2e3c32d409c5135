"""The audit log: who did what, from where; without credentials."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, transaction
from django.test import AsyncClient, Client

from ipai.access import services
from ipai.observability import audit
from ipai.observability.audit import Actor, actor_of
from ipai.observability.middleware import ActorMiddleware
from ipai.observability.models import AuditLog
from ipai.observability.queries import events_for

pytestmark = pytest.mark.django_db


def test_an_event(tenant: Any) -> None:
    actor = Actor("ann", "10.0.0.1", "curl/8", "person")
    audit.record(actor, "connector", "connector", "42", "changed", {"changed": {"url": ["a", "https://u:pw@h/"]}}, tenant)
    event = events_for(tenant).filter(entity_id="42").latest("id")
    assert (event.actor, event.ip_address, event.user_agent, event.created_at is not None) == ("ann", "10.0.0.1", "curl/8", True)
    assert event.details == {"changed": {"url": ["a", "https://u:***@h/"]}}


def test_long_values_are_cut() -> None:
    event = audit.record(Actor("a" * 500, user_agent="b" * 500), "t", "t", "c" * 500, "x")
    assert (len(event.actor), len(event.user_agent), len(event.entity_id)) == (200, 300, 200)


def test_it_goes_with_the_change() -> None:
    with transaction.atomic():
        services.create_tenant("gone", actor_name="tester")
        assert AuditLog.objects.filter(details__slug="gone").exists()
        transaction.set_rollback(True)
    assert not AuditLog.objects.filter(details__slug="gone").exists()


@pytest.mark.parametrize("statement", ["update", "delete"])
def test_it_cannot_be_rewritten(statement: str) -> None:
    audit.record(Actor("a"), "t", "t", "1", "x")
    with pytest.raises(DatabaseError, match="append-only"):
        AuditLog.objects.update(actor="b") if statement == "update" else AuditLog.objects.all().delete()


@pytest.mark.parametrize(
    ("address", "ip"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("", None), ("unix:", None), ("1.2.3.4, 5.6.7.8", None)]
)
def test_the_actor_of_a_request(rf: Any, address: str, ip: str | None) -> None:
    seen = []
    middleware = ActorMiddleware(lambda request: seen.append(request.actor))  # type: ignore[arg-type]
    request = rf.get("/", REMOTE_ADDR=address, HTTP_USER_AGENT="x\x00y", HTTP_X_FORWARDED_FOR="6.6.6.6")
    request.user = services.create_person("ann", actor_name="tester", roles=["auditor"])
    middleware(request)
    assert (seen[0].name, seen[0].ip, seen[0].user_agent, seen[0].kind) == ("ann", ip, "xy", "person")
    request.user = AnonymousUser()
    assert actor_of(request).name == "anonymous"


@pytest.mark.parametrize("served", ["wsgi", "asgi"])
def test_events_of_the_layers_below_have_the_address_too(tenant: Any, settings: Any, served: str) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    boss = services.create_person("boss", actor_name="tester", roles=["platform_admin"])
    client: Any = Client() if served == "wsgi" else AsyncClient()
    client.force_login(boss)
    headers = {"headers": {"user-agent": "Tester/1"}}
    post = client.post if served == "wsgi" else async_to_sync(client.post)
    post("/admin/secrets/add/", {"name": "warehouse", "value": "hush-hush"}, **headers)
    post("/admin/tokens/add/", {"name": "nightly", "roles": ["operator"]}, **headers)
    for kind in ("secret", "token"):
        event = AuditLog.objects.filter(entity_type=kind).latest("id")
        assert (event.actor, event.ip_address, event.user_agent) == ("boss", "127.0.0.1", "Tester/1")
    services.create_tenant("later", actor_name="command line")
    assert AuditLog.objects.latest("id").ip_address is None
