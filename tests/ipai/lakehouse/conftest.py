"""Two tenants, each with a connector, a run and what a run leaves; and readers with any claims."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction

from connectors.models import (
    ConnectorConfig,
    ConnectorRun,
    ConnectorState,
    LoadedPart,
    LoadedTable,
    RejectedRecord,
    RunLog,
    RunStream,
)
from ipai.access.models import Tenant
from ipai.observability.models import AuditLog

Reader = Callable[..., AbstractContextManager[Any]]


@dataclass
class Side:
    tenant: Tenant
    connector: ConnectorConfig
    run: ConnectorRun


def make_side(slug: str) -> Side:
    tenant = Tenant.objects.create(slug=slug, name=slug)
    connector = ConnectorConfig.objects.create(tenant=tenant, name=f"{slug}-files", connector_type="files")
    run = ConnectorRun.objects.create(connector=connector, status="success")
    RunStream.objects.create(run=run, stream="orders", target="ipai_bronze_core.orders", status="success", rows_written=3)
    LoadedTable.objects.create(target="ipai_bronze_core.orders", tenant=tenant, columns=["id", "total"])
    ConnectorState.objects.create(connector=connector, stream="orders", cursor={}, run=run)
    LoadedPart.objects.create(connector=connector, stream="orders", name=f"{slug}.csv", run=run)
    RejectedRecord.objects.create(run=run, stream="orders", place="x.csv:1", reason="bad", raw="x")
    RunLog.objects.create(run=run, level="INFO", message=f"line of {slug}")
    AuditLog.objects.create(
        tenant=tenant, event_type="test", entity_type="tenant", entity_id=str(tenant.pk), actor="tester", action="make"
    )
    return Side(tenant, connector, run)


@pytest.fixture
def north(db: None) -> Side:
    return make_side(f"north-{uuid.uuid4().hex[:6]}")


@pytest.fixture
def south(db: None) -> Side:
    return make_side(f"south-{uuid.uuid4().hex[:6]}")


@contextmanager
def become(claims: str | dict[str, Any] | None) -> Iterator[Any]:
    """A cursor as ipai_user with these claims; everything it did is undone."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            raw = claims if isinstance(claims, str) else json.dumps(claims) if claims is not None else ""
            cursor.execute("SELECT set_config('request.jwt.claims', %s, true)", [raw])
            cursor.execute("SET LOCAL ROLE ipai_user")
            yield cursor
        transaction.set_rollback(True)


@contextmanager
def reader_of(side: Side, *roles: str) -> Iterator[Any]:
    """A cursor as ipai_user for somebody of this tenant who holds these roles."""
    claims = {"sub": "someone", "app_metadata": {"tenant": side.tenant.slug, "ipai_roles": list(roles)}}
    with become(claims) as cursor:
        yield cursor


def values(cursor: Any, query: str, *parameters: Any) -> list[Any]:
    cursor.execute(query, parameters)
    return [row[0] for row in cursor.fetchall()]
