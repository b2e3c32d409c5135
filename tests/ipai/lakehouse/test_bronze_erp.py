"""The ledger's bronze tables by migration: installations that have some of them already keep their rows and columns."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.db import connection

from ipai.lakehouse.sqlmigration import migrations_folder
from ipai.lakehouse.tables import PROTECTION

pytestmark = pytest.mark.django_db
TABLE = "ipai_bronze_erp.journal_entries"


def run(*names: str) -> None:
    """Run SQL files of migrations, ``app/file``."""
    with connection.cursor() as cursor:
        for name in names:
            app, _, file = name.partition("/")
            cursor.execute(Path(migrations_folder(app), f"{file}.sql").read_text(encoding="utf-8"))


def values(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_a_table_that_a_sync_has_made_gets_what_it_lacks_and_keeps_the_rest() -> None:
    run("finance/0003_reports.down", "finance/0002_gold.down", "finance/0001_silver.down", "lakehouse/0009_bronze_erp.down")
    assert values("SELECT 1 FROM pg_tables WHERE schemaname = 'ipai_bronze_erp'") == []
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {TABLE} (_connector_id uuid NOT NULL, _tenant_id uuid NOT NULL, _run_id uuid NOT NULL,"
            " _loaded_at timestamptz NOT NULL DEFAULT now(), _deleted_at timestamptz, id bigint NOT NULL, balance numeric,"
            " x_cost_centre text)"
        )
        cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, now(), NULL, 7, 1.50, 'K-7')", [uuid.uuid4() for _ in range(3)])
    run("lakehouse/0009_bronze_erp.up", "finance/0001_silver.up", "finance/0002_gold.up", "finance/0003_reports.up")
    assert values(f"SELECT id, balance::text, x_cost_centre, move_id, _raw FROM {TABLE}") == [(7, "1.50", "K-7", None, None)]
    assert values(f"SELECT count(*) FROM pg_constraint WHERE conrelid = '{TABLE}'::regclass AND contype = 'p'") == [(1,)]
    with connection.cursor() as cursor:
        condition = (
            "((_tenant_id = ( SELECT ipai_auth.tenant_id() AS tenant_id))"
            " AND ( SELECT ipai_auth.can_read('bronze_erp'::text) AS can_read))"
        )
        given = {"reader": "ipai_user", "policy": "tenant_and_layer", "condition": condition, "table": TABLE}
        cursor.execute(PROTECTION, given)
        assert cursor.fetchone() == (True,), "as tables.protect leaves it"
    run("finance/0003_reports.down", "finance/0002_gold.down", "finance/0001_silver.down", "lakehouse/0009_bronze_erp.down")
    assert values(f"SELECT id FROM {TABLE}") == [(7,)], "a table with rows stays"
    assert values("SELECT tablename FROM pg_tables WHERE schemaname = 'ipai_bronze_erp'") == [("journal_entries",)]
