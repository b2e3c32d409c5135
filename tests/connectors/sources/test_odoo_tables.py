"""The tables that a migration made for Odoo take a sync as those do that a sync makes itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from django.db import connection

from connectors import services
from connectors.demo import vendors
from connectors.demo.odoo.ledger import demo_store
from connectors.demo.odoo.server import FakeOdoo
from connectors.demo.odoo.tables import MODELS as FIELDS
from connectors.models import RunStream
from connectors.sources.odoo import rpc
from connectors.sources.odoo.fields import COLUMN_TYPES
from connectors.sources.odoo.models import MODELS, SCHEMA

pytestmark = pytest.mark.django_db(transaction=True)
PARTNERS = f"SELECT (to_jsonb(t) - '_run_id' - '_loaded_at')::text FROM {SCHEMA}.partners AS t ORDER BY id"
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


@pytest.fixture
def connect(files: Any, monkeypatch: pytest.MonkeyPatch, tenant: Any, actor: Any) -> Callable[..., Any]:
    """A connector to a fake server of our own."""
    fake = FakeOdoo(demo_store(datetime(2025, 4, 15, 12, tzinfo=UTC)), users={"reader": "letter-box-9"}, api_key="key-9")
    monkeypatch.setattr(vendors, "_odoo", lambda: httpx.WSGITransport(app=fake))
    rpc._LOGINS.clear()

    def make(**config: Any) -> Any:
        wanted = {"url": vendors.ODOO, "database": "demo", "user": "reader"} | config
        return services.create_connector(
            actor=actor, tenant=tenant, name="erp", connector_type="odoo", config=wanted, secrets={"password": "letter-box-9"}
        )

    return make


def types_of(table: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        found = dict(cursor.fetchall())
    return {name: kind.replace("timestamp with time zone", "timestamptz") for name, kind in found.items()}


def test_a_sync_changes_no_type_of_the_migration_s_columns(connect: Any, run_now: Any) -> None:
    before = {model.target: types_of(model.target) for model in MODELS}
    run = run_now(connect())
    assert run.status == "success", run.error_message
    for stream in RunStream.objects.filter(run=run):
        changes = stream.metadata.get("schema_changes", [])
        assert [change for change in changes if "widened" in change or "created" in change] == [], stream.stream
    for model in MODELS:
        after = types_of(model.target)
        assert {name: after[name] for name in before[model.target]} == before[model.target]
        for line in FIELDS[model.name][2].strip().splitlines():
            name, kind, *flags = line.split()
            if kind in COLUMN_TYPES and ("unstored" not in flags or name in model.unstored):
                assert after[name] == COLUMN_TYPES[kind], (model.table, name)


def test_a_table_of_the_migration_holds_the_same_rows_as_one_that_a_sync_makes(
    connect: Any, run_now: Any, rows: Any, actor: Any
) -> None:
    connector = connect(models=["res.partner"])
    assert run_now(connector).status == "success"
    made = [json.loads(row) for (row,) in rows(PARTNERS)]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {SCHEMA}.partners RENAME TO partners_by_migration")
    try:
        services.reset_stream(actor, connector, "partners")
        assert run_now(connector, mode="full").status == "success"
        own = [json.loads(row) for (row,) in rows(PARTNERS)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {SCHEMA}.partners")
            cursor.execute(f"ALTER TABLE {SCHEMA}.partners_by_migration RENAME TO partners")
    lacking = made[0].keys() - own[0].keys()
    assert [{name: value for name, value in row.items() if name not in lacking} for row in made] == own
    assert all(row[name] is None for row in made for name in lacking)
