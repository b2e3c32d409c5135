"""Deliveries over HTTP: who may leave one, what is stored, what is answered."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.utils import timezone

from connectors import services
from connectors.models import WebhookDelivery
from connectors.webhooks import doors, receiver
from ipai.vault.models import Secret
from tests.connectors.webhooks.conftest import SECRET, Portal, headers

pytestmark = pytest.mark.django_db(transaction=True)
PAYLOAD = {"action": "opened", "repository": {"id": 7, "full_name": "acme/shop"}, "issue": {"title": "Ünïcode ☃"}}


def test_a_delivery_is_stored_as_it_came(portal: Portal, connector: Any) -> None:
    raw = json.dumps(PAYLOAD, indent=3).encode()
    answer = portal.post(raw, guid="72d3162e-cc78-11e3-81ab-4c9367dc0958")
    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    kept = WebhookDelivery.objects.get()
    assert bytes(kept.payload) == raw
    assert (kept.id, kept.event, kept.action) == ("72d3162e-cc78-11e3-81ab-4c9367dc0958", "issues", "opened")
    assert (kept.repository_id, kept.hook_id, kept.status, kept.payload_bytes) == (7, 292430182, "pending", len(raw))
    assert (kept.connector_id, kept.tenant_id) == (connector.pk, connector.tenant_id)


def test_the_vector_of_the_vendor(portal: Portal, connector: Any, actor: Any) -> None:
    services.update_connector(actor, connector, secrets={"webhook_secret": "It's a Secret to Everybody"})
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    answer = portal.post(b"Hello, World!", signature=signature)
    assert answer.status_code == 400, "signed, but no JSON"
    assert portal.post(b"Hello, World?", signature=signature).status_code == 401
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=0", f"sha256={'0' * 64}", "sha1=" + "0" * 40, "garbage", f"sha512={'0' * 128}"]
)
def test_a_wrong_signature_is_told_nothing(portal: Portal, connector: Any, signature: str) -> None:
    there, nowhere = (portal.post(PAYLOAD, to=to, signature=signature) for to in ("gh", "nobody"))
    assert (there.status_code, there.content) == (401, nowhere.content)
    assert dict(there.headers) | {"date": ""} == dict(nowhere.headers) | {"date": ""}
    assert not WebhookDelivery.objects.exists()


def test_the_time_tells_nothing_of_who_has_a_secret(portal: Portal, connector: Any, actor: Any, tenant: Any) -> None:
    services.create_connector(actor=actor, tenant=tenant, name="bare", connector_type="github", config={"owner": "acme"})
    for name in ("gh", "bare", "nobody"):
        began = time.monotonic()
        assert portal.post(PAYLOAD, to=name, secret="guessed").status_code == 401
        assert time.monotonic() - began >= receiver.UNSIGNED_SECONDS, name


def test_bodies_that_are_held_back_stop_nobody(portal: Portal, connector: Any) -> None:
    assert portal.post(PAYLOAD).status_code == 202
    head = f"POST /webhooks/github/gh/ HTTP/1.1\r\nHost: x\r\nContent-Length: {receiver.LARGEST}\r\n\r\n".encode()
    part = b"x" * (receiver.LARGEST - 1)
    with ExitStack() as links:
        for number in range(1, 9):
            link = links.enter_context(socket.create_connection(("127.0.0.1", portal.port)))
            link.sendall(head + part)
            while receiver._Room.held < number * len(part):
                time.sleep(0.01)
        body = json.dumps(PAYLOAD | {"text": "x" * 200_000}).encode()
        assert [portal.post(body).status_code for _ in range(3)] == [202] * 3
        assert receiver._Room.held == 7 * len(part), "the oldest gave way"
    while receiver._Room.held:
        time.sleep(0.01)
    assert WebhookDelivery.objects.count() == 4


def test_the_digest_alone_is_no_signature(portal: Portal, connector: Any) -> None:
    digest = hmac.new(SECRET.encode(), json.dumps(PAYLOAD).encode(), hashlib.sha256).hexdigest()
    assert portal.post(PAYLOAD, signature=digest).status_code == 401
    assert portal.post(PAYLOAD, signature=f"sha1={digest}").status_code == 401
    assert portal.post(PAYLOAD, signature=f"sha256={digest}").status_code == 202


def test_a_signature_is_of_the_raw_body(portal: Portal, connector: Any) -> None:
    compact = json.dumps(PAYLOAD, separators=(",", ":")).encode()
    signed = headers(json.dumps(PAYLOAD).encode())
    answer = httpx.post(f"{portal.url}/webhooks/github/gh/", content=compact, headers=signed)
    assert answer.status_code == 401, "equal JSON, other bytes"


def test_the_id_names_the_connector_too_and_no_slash_is_needed(portal: Portal, connector: Any) -> None:
    assert portal.post(PAYLOAD, to=str(connector.pk)).status_code == 202
    raw = json.dumps(PAYLOAD).encode()
    assert httpx.post(f"{portal.url}/webhooks/github/gh", content=raw, headers=headers(raw)).status_code == 202
    assert WebhookDelivery.objects.filter(connector_id=connector.pk).count() == 2


def test_the_signature_tells_namesakes_of_tenants_apart(portal: Portal, connector: Any, actor: Any) -> None:
    from ipai.access.models import Tenant

    other = services.create_connector(
        actor=actor,
        tenant=Tenant.objects.create(slug="north", name="North"),
        name="gh",
        connector_type="github",
        config={"owner": "north"},
        secrets={"webhook_secret": "another"},
    )
    assert portal.post(PAYLOAD).status_code == 202
    assert portal.post(PAYLOAD, secret="another").status_code == 202
    assert {row.connector_id: row.tenant_id for row in WebhookDelivery.objects.all()} == {
        connector.pk: connector.tenant_id,
        other.pk: other.tenant_id,
    }
    services.update_connector(actor, other, secrets={"webhook_secret": SECRET})
    doors_older_than(portal, receiver.KEPT_SECONDS)
    assert portal.post(PAYLOAD).status_code == 401, "who shares name and secret is nobody"
    assert portal.post(PAYLOAD, to=str(other.pk)).status_code == 202


def test_connectors_of_other_types_and_without_a_secret_take_nothing(
    portal: Portal, make_connector: Any, actor: Any, tenant: Any, files: Any
) -> None:
    make_connector("orders", path=str(files / "none.csv"), table="orders")
    services.create_connector(actor=actor, tenant=tenant, name="bare", connector_type="github", config={"owner": "acme"})
    assert portal.post(PAYLOAD, to="orders").status_code == 401
    assert portal.post(PAYLOAD, to="bare", secret="").status_code == 401


def test_forms_are_taken(portal: Portal, connector: Any) -> None:
    text = json.dumps(PAYLOAD, ensure_ascii=False)
    answer = portal.post(urlencode({"payload": text}).encode(), kind="application/x-www-form-urlencoded")
    assert answer.status_code == 202
    assert bytes(WebhookDelivery.objects.get().payload).decode() == text
    for body in (b"", b"other=1", b"payload=1&payload=2", b"payload=%ff", b"payload=[1]"):
        assert portal.post(body, kind="application/x-www-form-urlencoded").status_code == 400, body


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'{"a":', b'{"a":"\xff"}', b'{"a":1}x', b"null", b"[" * 100_000, b'{"action":"a\\u0000b"}']
)
def test_what_is_no_json_object_is_not_stored(portal: Portal, connector: Any, body: bytes) -> None:
    assert portal.post(body).status_code == 400
    assert not WebhookDelivery.objects.exists()


def test_other_kinds_and_methods_are_refused(portal: Portal, connector: Any) -> None:
    assert portal.post(PAYLOAD, kind="text/plain").status_code == 415
    answer = httpx.get(f"{portal.url}/webhooks/github/gh/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    raw = json.dumps(PAYLOAD).encode()
    nameless = {name: value for name, value in headers(raw).items() if name != "X-GitHub-Delivery"}
    assert httpx.post(f"{portal.url}/webhooks/github/gh/", content=raw, headers=nameless).status_code == 400
    assert httpx.post(f"{portal.url}/webhooks/nothing/gh/", content=raw, headers=headers(raw)).status_code == 404
    assert not WebhookDelivery.objects.exists()


def test_the_largest_body_is_taken_and_one_byte_more_is_not(portal: Portal, connector: Any) -> None:
    start, end = b'{"repository":{"id":7},"commits":"', b'"}'
    body = start + b"x" * (receiver.LARGEST - len(start) - len(end)) + end
    assert len(body) == 25 * 1024 * 1024
    assert portal.post(body, "push").status_code == 202
    assert WebhookDelivery.objects.get().payload_bytes == len(body)
    with socket.create_connection(("127.0.0.1", portal.port)) as link:  # told before anything is sent
        link.sendall(f"POST /webhooks/github/gh/ HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 1}\r\n\r\n".encode())
        assert link.recv(200).startswith(b"HTTP/1.1 413")
    assert _chunked(portal, [b"x" * 1_000_000] * 40) == 413
    assert receiver._Room.held == 0


def _chunked(portal: Portal, pieces: Any) -> int:
    """Send a body without saying how long it is; the status, which may come before all is sent."""
    with socket.create_connection(("127.0.0.1", portal.port)) as link:
        link.sendall(b"POST /webhooks/github/gh/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for piece in pieces:
                link.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            link.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return int(link.recv(200).split()[1])
        except ConnectionResetError:
            return 413  # the answer was lost with the rest of the body


def test_the_same_delivery_again_is_counted(portal: Portal, connector: Any) -> None:
    for _ in range(3):
        assert portal.post(PAYLOAD, guid="same").status_code == 202
    kept = WebhookDelivery.objects.get()
    assert (kept.receipts, kept.status) == (3, "pending")
    WebhookDelivery.objects.update(status="done")
    portal.post(PAYLOAD, guid="same")
    assert WebhookDelivery.objects.get().status == "done", "what was processed stays so"
    WebhookDelivery.objects.update(status="failed", attempts=5)
    portal.post(PAYLOAD, guid="same")
    kept = WebhookDelivery.objects.get()
    assert (kept.status, kept.attempts) == ("pending", 0), "what failed is tried again"


def test_a_new_secret_opens_at_once(portal: Portal, connector: Any, actor: Any) -> None:
    assert portal.post(PAYLOAD).status_code == 202
    services.update_connector(actor, connector, secrets={"webhook_secret": "brand-new"})
    doors_older_than(portal, receiver.ANEW_SECONDS)
    assert portal.post(PAYLOAD, secret="brand-new").status_code == 202
    assert portal.post(PAYLOAD).status_code == 401


def test_the_rotated_secret_opens_for_a_day(portal: Portal, connector: Any, actor: Any) -> None:
    connector = services.rotate_webhook_secret(actor, connector).connector
    assert portal.post(PAYLOAD).status_code == 202
    Secret.objects.filter(name__endswith=doors.PREVIOUS).update(set_at=timezone.now() - doors.PREVIOUS_FOR)
    doors_older_than(portal, receiver.KEPT_SECONDS)
    assert portal.post(PAYLOAD).status_code == 401


def doors_older_than(portal: Portal, seconds: float) -> None:
    """Let time pass for what the portal remembers."""
    for known in portal.receiver.doors._known.values():
        known.at -= seconds + 0.01


def test_a_database_that_comes_back_is_found_again(portal: Portal, connector: Any, rows: Any) -> None:
    assert portal.post(PAYLOAD).status_code == 202
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    doors_older_than(portal, receiver.KEPT_SECONDS)
    assert portal.post(PAYLOAD).status_code == 202
    assert WebhookDelivery.objects.count() == 2


def test_many_at_once_are_all_kept(portal: Portal, connector: Any) -> None:
    statuses: list[int] = []

    def send() -> None:
        statuses.extend(portal.post(PAYLOAD).status_code for _ in range(20))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [202] * 160
    assert WebhookDelivery.objects.count() == 160


def test_the_rest_of_the_portal_is_served_behind_it(portal: Portal) -> None:
    assert httpx.get(f"{portal.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{portal.url}/webhooks/").status_code == 404
