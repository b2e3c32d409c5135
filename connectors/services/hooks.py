"""Setting webhooks up: a secret of our own making, the hook at the vendor, and a look at what the vendor could not deliver."""

from __future__ import annotations

import logging
import secrets as random_secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from connectors import contract
from connectors.contract import Client, Source, SourceError, StopStream
from connectors.engine.client import build_client
from connectors.engine.loaded import LoadedRows
from connectors.errors import ConnectorError, NotRunnable
from connectors.models import ConnectorConfig, ConnectorState, Trigger, WebhookDelivery
from connectors.services.configs import secrets_of, source_of, store_secrets
from connectors.services.deliveries import STREAM
from connectors.services.runs import queue_run
from connectors.webhook import Hook, Sent, Webhook
from connectors.webhooks.doors import PREVIOUS
from connectors.webhooks.store import STORE, parameters
from ipai.observability import audit
from ipai.observability.audit import Actor
from ipai.vault.errors import VaultError
from ipai.vault.redaction import redact

log = logging.getLogger(__name__)
MOST_FETCHED = 500
"""Lost deliveries that one sweep fetches; where there are more, reading what changed is the shorter way."""
HOOKS_KEPT = timedelta(hours=6)
"""How long the list of the vendor's webhooks is remembered; where there is none, it is asked for at each sweep."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """A new secret, to be shown once, with the hooks that have it; ``problem`` says why the vendor could not be told."""

    connector: ConnectorConfig
    url: str
    secret: str
    hooks: Sequence[Hook] = ()
    problem: str = ""


def webhook_of(connector: ConnectorConfig) -> Webhook | None:
    """How the connector's vendor tells of changes; None when it does not."""
    source = contract.sources().get(connector.connector_type)
    return source.webhook if source else None


def takes_webhooks(connector: ConnectorConfig) -> bool:
    """Whether the connector has a webhook secret."""
    webhook = webhook_of(connector)
    return webhook is not None and any(ref.startswith(f"{webhook.secret}=") for ref in connector.vault_secret_refs)


def webhook_paths(connector: ConnectorConfig) -> tuple[str, str]:
    """Where its deliveries are taken: by name, and by id, which no other tenant's connector can have."""
    start = f"/webhooks/{connector.connector_type}"
    return f"{start}/{connector.name}/", f"{start}/{connector.pk}/"


def webhook_path(connector: ConnectorConfig) -> str:
    """The address to give away: by name, unless another tenant has a connector of this name."""
    named, by_id = webhook_paths(connector)
    others = ConnectorConfig.objects.filter(connector_type=connector.connector_type, name=connector.name).exclude(pk=connector.pk)
    return by_id if others.exists() else named


def rotate_webhook_secret(actor: Actor, connector: ConnectorConfig, base: str = "") -> SetUp:
    """Make a new secret; the old one is accepted beside it for a day. With ``base``, the portal's address, the hook is made at
    the vendor, or given the new secret. Raises NotRunnable for a source without webhooks.
    """
    webhook = webhook_of(connector)
    if webhook is None:
        raise NotRunnable(f"{connector.connector_type} has no webhooks")
    secret, first = random_secrets.token_urlsafe(32), not takes_webhooks(connector)
    with transaction.atomic():
        connector = ConnectorConfig.objects.select_for_update().get(pk=connector.pk)
        known = secrets_of(connector)
        stored = {webhook.secret: secret}
        if webhook.secret in known:
            stored[webhook.secret + PREVIOUS] = known[webhook.secret]
        store_secrets(connector, stored, actor)
        action = "webhook secret made" if first else "webhook secret rotated"
        audit.record(actor, "webhook", "connector", str(connector.pk), action, {"at_vendor": bool(base)}, tenant=connector.tenant)
    path = webhook_path(connector)
    if not base:
        return SetUp(connector, path, secret)
    hooks, problem = _install(connector, base.rstrip("/") + path, secret)
    details = {"hooks": [hook.place for hook in hooks], "problem": problem}
    audit.record(actor, "webhook", "connector", str(connector.pk), "webhook installed", details, tenant=connector.tenant)
    return SetUp(connector, base.rstrip("/") + path, secret, hooks, problem)


def _install(connector: ConnectorConfig, url: str, secret: str) -> tuple[Sequence[Hook], str]:
    try:
        with _vendor(connector, patient=False) as (source, client, webhook):
            return webhook.install(source, client, url, secret), ""
    except NotImplementedError:
        return (), "This vendor's webhooks are made by hand"
    except (SourceError, ConnectorError, VaultError) as error:
        return (), redact(str(error), [secret])


def sweep(connector: ConnectorConfig) -> dict[str, Any]:
    """Fetch what the vendor could not deliver since the last sweep; where that cannot be told, read what changed.

    Returns (and keeps for the console) ``{"at", "hooks", "listed", "fetched", "gap", "error"}``.
    """
    saved = ConnectorState.objects.filter(connector=connector, stream=STREAM).first()
    state: dict[str, Any] = {"hooks": [], "reached": {}, **(saved.cursor if saved else {})}
    told: dict[str, Any] = {"at": timezone.now().isoformat(), "hooks": 0, "listed": 0, "fetched": 0, "gap": "", "error": ""}
    try:
        with _vendor(connector, patient=True) as (source, client, webhook):
            for hook in _hooks(connector, webhook, source, client, state):
                told["hooks"] += 1
                told["error"] = told["error"] or ("" if hook.active else f"The webhook at {hook.place} is switched off")
                _sweep_hook(connector, webhook, source, client, hook, state["reached"], told)
    except NotImplementedError:
        return told
    except (SourceError, ConnectorError, VaultError) as error:
        told["error"] = str(error)[:500]
    ConnectorState.objects.update_or_create(connector=connector, stream=STREAM, defaults={"cursor": {**state, "last": told}})
    if told["gap"]:
        backfill(connector, told["gap"])
    return told


def _hooks(connector: ConnectorConfig, webhook: Webhook, source: Source, client: Client, state: dict[str, Any]) -> list[Hook]:
    """The vendor's webhooks that point here, asked for anew now and then."""
    if not state["hooks"] or datetime.fromisoformat(state["hooks_at"]) < timezone.now() - HOOKS_KEPT:
        state["hooks"] = [asdict(hook) for hook in webhook.hooks(source, client, webhook_paths(connector))]
        state["hooks_at"] = timezone.now().isoformat()
    return [Hook(**hook) for hook in state["hooks"]]


def _sweep_hook(
    connector: ConnectorConfig,
    webhook: Webhook,
    source: Source,
    client: Client,
    hook: Hook,
    reached: dict[str, Any],
    told: dict[str, Any],
) -> None:
    found = webhook.sweep(source, client, hook, reached.get(hook.handle))
    told["listed"] += len(found.sent)
    told["gap"] = told["gap"] or found.gap
    missing = _missing(connector, found.sent)
    if len(missing) > MOST_FETCHED:
        told["gap"] = told["gap"] or f"{len(missing)} deliveries were lost at {hook.place}"
        missing = {}
    for one in missing.values():
        try:
            envelope = webhook.sent(source, client, one)
        except StopStream as error:  # this one cannot be had; anything else ends the sweep, and the next one goes on here
            told["gap"] = told["gap"] or f"A lost delivery cannot be fetched: {error}"[:500]
            continue
        with connection.cursor() as cursor:
            cursor.execute(STORE.replace("%b", "%s"), parameters(connector.pk, connector.tenant.pk, envelope))
        told["fetched"] += 1
    reached[hook.handle] = found.state


def _missing(connector: ConnectorConfig, sent: Sequence[Sent]) -> dict[str, Sent]:
    """What never arrived here, each delivery once however often it was tried."""
    listed = {one.id: one for one in sent}
    here = WebhookDelivery.objects.filter(connector_id=connector.pk, id__in=list(listed))
    return {name: listed[name] for name in listed.keys() - set(here.values_list("id", flat=True))}


def backfill(connector: ConnectorConfig, why: str) -> None:
    """Queue an incremental run for what no delivery tells; one that is open already reads it as well."""
    actor = Actor("webhook sweep")
    try:
        run = queue_run(connector=connector, trigger=Trigger.SCHEDULE, actor=actor)
    except ConnectorError as error:
        log.warning("The backfill of %s waits: %s", connector.name, error)
        return
    audit.record(
        actor, "webhook", "connector", str(connector.pk), "backfill", {"why": why, "run_id": str(run.pk)}, connector.tenant
    )


def last_sweep(connector: ConnectorConfig) -> dict[str, Any] | None:
    """What the last sweep told; None before the first."""
    saved = ConnectorState.objects.filter(connector=connector, stream=STREAM).first()
    return saved.cursor.get("last") if saved else None


@contextmanager
def _vendor(connector: ConnectorConfig, *, patient: bool) -> Iterator[tuple[Source, Client, Webhook]]:
    """The connector's source with a client that may look at the repositories that are loaded."""
    source, _ = source_of(connector)
    assert source.webhook is not None
    settings.IPAI_SPOOL_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="hooks-", dir=settings.IPAI_SPOOL_DIR) as scratch:
        client = build_client(str(connector.pk), Path(scratch), log, lambda: False, "incremental", patient=patient)
        try:
            about = next((stream for stream in source.streams(client) if stream.name == source.webhook.about), None)
            if about is not None:
                client.loaded = LoadedRows(about.target, about.primary_key, connector.pk)
            yield source, client, source.webhook
        finally:
            client.http.close()


def as_json(made: SetUp) -> dict[str, Any]:
    """For the API."""
    return {"url": made.url, "secret": made.secret, "hooks": [asdict(hook) for hook in made.hooks], "problem": made.problem}
