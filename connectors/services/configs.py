"""Making, changing, checking and deleting connectors."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from psycopg import sql

from connectors import contract
from connectors.contract import Check, Client, Source
from connectors.engine.client import build_client
from connectors.errors import ConfigInvalid, NotRunnable, RunInProgress
from connectors.models import OPEN, ConnectorConfig, ConnectorRun, ConnectorState, LoadedPart, RunStream
from connectors.services.limits import files_roots, refusals
from connectors.services.schedules import drop_schedule, schedule_problem, sync_schedule
from ipai.access.models import Tenant, User
from ipai.observability import audit
from ipai.observability.audit import Actor
from ipai.vault import services as vault
from ipai.vault.redaction import safe_line

if TYPE_CHECKING:
    import jsonschema

log = logging.getLogger(__name__)
CHANGEABLE = ("name", "config", "schedule", "schedule_mode", "freshness_target_minutes", "owner", "is_enabled")


def validate_config(connector_type: str, config: Mapping[str, Any], secrets: Mapping[str, Any] | None = None) -> type[Source]:
    """The source class, when the config and the names of the secrets fit it; else ConfigInvalid."""
    from jsonschema import Draft202012Validator

    known = contract.sources()
    if connector_type not in known:
        raise ConfigInvalid({"type": f"There is no source {connector_type!r}; there is {', '.join(sorted(known))}"})
    source = known[connector_type]
    problems: dict[str, str] = {}
    if "\\u0000" in json.dumps(dict(config), default=str):
        raise ConfigInvalid({"config": "A setting holds a NUL character, which PostgreSQL cannot store"})
    for error in Draft202012Validator(source.config_schema).iter_errors(dict(config)):
        problems.setdefault(".".join(str(step) for step in error.absolute_path) or "config", _said(error))
    if not problems:
        problems |= source.validate(config)
    allowed = {field.name for field in source.secrets}
    problems |= {
        f"secrets.{name}": f"This source has no such secret; it has {', '.join(sorted(allowed)) or 'none'}"
        for name in secrets or {}
        if name not in allowed
    }
    if problems:
        raise ConfigInvalid(problems)
    return source


def create_connector(
    *,
    actor: Actor,
    tenant: Tenant,
    name: str,
    connector_type: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    schedule: str = "",
    schedule_mode: str = "incremental",
    is_enabled: bool = True,
    freshness_target_minutes: int = 1440,
    owner: User | None = None,
    connector_id: UUID | None = None,
) -> ConnectorConfig:
    """Make a connector; its secrets go to the vault. Raises ConfigInvalid. ``connector_id``: files were uploaded for it before."""
    source = validate_config(connector_type, config, secrets)
    lacking = {
        f"secrets.{field.name}": f"{field.label} is needed"
        for field in source.secrets
        if field.required and not (secrets or {}).get(field.name)
    }
    if lacking:
        raise ConfigInvalid(lacking)
    connector = ConnectorConfig(
        id=connector_id or uuid4(),
        tenant=tenant,
        name=name,
        connector_type=connector_type,
        config=dict(config),
        schedule=schedule,
        schedule_mode=schedule_mode,
        is_enabled=is_enabled,
        freshness_target_minutes=freshness_target_minutes,
        owner=owner,
    )
    with transaction.atomic():
        _save(connector)
        _refuse_unreachable(source, connector)
        store_secrets(connector, secrets or {}, actor)
        sync_schedule(connector)
        audit.record(
            actor, "connector", "connector", str(connector.id), "created", {"name": name, "type": connector_type}, tenant=tenant
        )
    return connector


def update_connector(
    actor: Actor, connector: ConnectorConfig, *, secrets: Mapping[str, str] | None = None, **changes: Any
) -> ConnectorConfig:
    """Change settings; an empty secret means: leave it. The audit event holds the difference, never a secret."""
    unknown = set(changes) - set(CHANGEABLE)
    if unknown:
        raise ConfigInvalid(dict.fromkeys(sorted(unknown), "This cannot be changed"))
    given = {name: value for name, value in (secrets or {}).items() if value}
    source = validate_config(connector.connector_type, changes.get("config", connector.config), given)
    with transaction.atomic():
        connector = ConnectorConfig.objects.select_for_update().get(pk=connector.pk)
        before = {name: getattr(connector, name) for name in changes}
        for name, value in changes.items():
            setattr(connector, name, value)
        _save(connector)
        if before.get("config", connector.config) != connector.config:
            _refuse_unreachable(source, connector)
        store_secrets(connector, given, actor)
        sync_schedule(connector)
        changed = {name: [_plain(before[name]), _plain(value)] for name, value in changes.items() if before[name] != value}
        if changed or given:
            details = {"changed": changed, "secrets_set": sorted(given)}
            audit.record(actor, "connector", "connector", str(connector.id), "changed", details, tenant=connector.tenant)
    return connector


def set_enabled(actor: Actor, connector: ConnectorConfig, on: bool) -> ConnectorConfig:
    """Pause a connector (its schedule rests, nothing new starts) or enable it again."""
    return update_connector(actor, connector, is_enabled=on)


def delete_connector(actor: Actor, connector: ConnectorConfig) -> None:
    """Delete the connector, its history, state and secrets. The bronze rows stay."""
    with transaction.atomic():
        locked = ConnectorConfig.objects.select_for_update().get(pk=connector.pk)
        running = ConnectorRun.objects.filter(connector=locked, status__in=OPEN).first()
        if running:
            raise RunInProgress(running)
        drop_schedule(locked)
        vault.delete_secrets(locked.tenant.id, [ref.partition("=")[2] for ref in locked.vault_secret_refs], actor.name)
        audit.record(actor, "connector", "connector", str(locked.id), "deleted", {"name": locked.name}, tenant=locked.tenant)
        locked.delete()


def reset_stream(actor: Actor, connector: ConnectorConfig, stream: str) -> int:
    """Forget how far a stream has come, so that the next run reads everything again; rows it would double go.

    Returns the rows removed from the target: all rows of an append stream, none of the others (their next
    run replaces or merges).
    """
    with transaction.atomic():
        open_run = ConnectorRun.objects.select_for_update().filter(connector=connector, status__in=OPEN).first()
        if open_run:
            raise RunInProgress(open_run)
        last = RunStream.objects.filter(run__connector=connector, stream=stream).order_by("-id").first()
        if last is None:
            raise NotRunnable(f"{connector.name} has never run a stream {stream!r}")
        removed = 0
        if last.metadata.get("write_mode") == "append" and last.target:
            removed = _remove_rows(connector, last.target)
            LoadedPart.objects.filter(connector=connector, stream=stream).delete()
        LoadedPart.objects.filter(connector=connector, stream=stream).update(cursor={})
        ConnectorState.objects.filter(connector=connector, stream=stream).delete()
        audit.record(
            actor,
            "connector",
            "connector",
            str(connector.id),
            "stream reset",
            {"stream": stream, "rows_removed": removed},
            tenant=connector.tenant,
        )
    return removed


def check_connector(connector: ConnectorConfig) -> list[Check]:
    """Try a saved connector with its secrets from the vault."""
    secrets = secrets_of(connector)
    return check_config(connector.connector_type, connector.config, secrets, str(connector.id), connector.tenant)


def _said(error: jsonschema.ValidationError) -> str:
    """What is wrong with a setting: in the words of the schema's ``x-problem`` if it has some."""
    told = error.schema.get("x-problem") if isinstance(error.schema, dict) else None
    return f"{error.instance}: {told}" if told else error.message


def check_config(
    connector_type: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    connector_id: str = "",
    tenant: Tenant | None = None,
) -> list[Check]:
    """Try settings that need not be saved. Never raises for a vendor's no: each line says what was found."""
    source_class = validate_config(connector_type, config, secrets)
    settings.IPAI_SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="check-", dir=settings.IPAI_SPOOL_DIR) as scratch:
        client = build_client(connector_id or "check", Path(scratch), log, lambda: False, "incremental", patient=False)
        client.files_roots = files_roots(tenant, connector_id)
        try:
            lines = list(source_class(config, secrets).check(client))
        except contract.SourceError as error:
            lines = [Check("connection", False, str(error))]
        finally:
            client.http.close()
    return [replace(line, detail=safe_line(line.detail, secrets.values())) for line in lines]


def secrets_of(connector: ConnectorConfig) -> dict[str, str]:
    """The connector's secrets by field name, in the clear: only for the source."""
    refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
    values = vault.reveal(connector.tenant.id, list(refs.values()))
    return {field: values[name] for field, name in refs.items()}


def source_of(connector: ConnectorConfig) -> tuple[Source, Mapping[str, str]]:
    """The connector's source, ready to read, and its secrets (for redaction)."""
    secrets = secrets_of(connector)
    return validate_config(connector.connector_type, connector.config)(connector.config, secrets), secrets


def with_uploads(client: Client, connector: ConnectorConfig) -> Client:
    """Let the connector read the folders of its tenant and its own uploads, and nobody else's."""
    client.files_roots = files_roots(connector.tenant, connector.pk)
    return client


def _refuse_unreachable(source: type[Source], connector: ConnectorConfig) -> None:
    problems = refusals(source, connector.config, files_roots(connector.tenant, connector.pk))
    if problems:
        raise ConfigInvalid(problems)


def _save(connector: ConnectorConfig) -> None:
    if _is_uuid(connector.name):
        raise ConfigInvalid({"name": "A name that looks like an id would stand for another connector; choose another"})
    problem = schedule_problem(connector.schedule)
    if problem:
        raise ConfigInvalid({"schedule": problem})
    try:
        connector.full_clean(validate_constraints=False)
        with transaction.atomic():
            connector.save()
    except ValidationError as error:
        raise ConfigInvalid({name: " ".join(messages) for name, messages in error.message_dict.items()}) from None
    except IntegrityError:
        raise ConfigInvalid({"name": f"There is a connector {connector.name!r} already"}) from None


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def store_secrets(connector: ConnectorConfig, secrets: Mapping[str, str], actor: Actor) -> None:
    """Put secrets into the vault by field name and let the connector refer to them."""
    refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
    person = User.objects.filter(username=actor.name).first() if actor.kind == "person" else None
    for field, value in secrets.items():
        if value:
            name = refs.setdefault(field, f"connectors/{connector.id}/{field}")
            vault.set_secret(connector.tenant.id, name, value, actor.name, person, f"{field} of {connector.name}")
    connector.vault_secret_refs = [f"{field}={name}" for field, name in sorted(refs.items())]
    connector.save(update_fields=["vault_secret_refs"])


def _remove_rows(connector: ConnectorConfig, target: str) -> int:
    schema, _, table = target.partition(".")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))", [schema, table])
        if cursor.fetchone()[0] is None:
            return 0
        statement = sql.SQL("DELETE FROM {} WHERE _connector_id = %s").format(sql.Identifier(schema, table))
        cursor.execute(statement.as_string(cursor.connection), [connector.id])
        return int(cursor.rowcount)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, User) else value
