"""The catalog: structure, freshness, where rows came from, who may read, what hangs on what."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from connectors.models import LoadedTable, RunStream
from ipai.lakehouse import queries
from ipai.lakehouse.sqlmigration import RunSQLFile
from ipai.lakehouse.tables import LAYERS, ROLES, protect, readers
from tests.ipai.lakehouse.conftest import Side, reader_of


@pytest.fixture
def orders(north: Side, south: Side) -> str:
    """A bronze table that both tenants feed, a silver table made of it by hand, and views over both."""
    statements = (
        "CREATE TABLE ipai_bronze_core.orders (_connector_id uuid NOT NULL, _tenant_id uuid NOT NULL, _loaded_at timestamptz"
        " DEFAULT now(), id bigint NOT NULL, total numeric(12,2), PRIMARY KEY (_connector_id, id))",
        "COMMENT ON TABLE ipai_bronze_core.orders IS 'Orders of the shop'",
        "COMMENT ON COLUMN ipai_bronze_core.orders.total IS 'Total (EUR)'",
        "CREATE INDEX orders_total ON ipai_bronze_core.orders (total)",
        "CREATE VIEW ipai_silver_core.big_orders WITH (security_invoker = true) AS"
        " SELECT * FROM ipai_bronze_core.orders WHERE total > 5",
        "CREATE VIEW ipai_gold_core.order_count WITH (security_invoker = true) AS"
        " SELECT count(*) AS orders FROM ipai_silver_core.big_orders",
        "GRANT SELECT ON ipai_silver_core.big_orders, ipai_gold_core.order_count TO ipai_user",
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        for side, count in ((north, 3), (south, 4)):
            cursor.execute(
                "INSERT INTO ipai_bronze_core.orders SELECT %s, %s, now(), i, i * 5 FROM generate_series(1, %s) AS i",
                [side.connector.pk, side.tenant.pk, count],
            )
        protect(cursor.cursor, "ipai_bronze_core", "orders")
        cursor.execute("ANALYZE ipai_bronze_core.orders")
    RunStream.objects.filter(run=north.run).update(ended_at=timezone.now() - datetime.timedelta(minutes=5))
    RunStream.objects.filter(run=south.run).update(ended_at=timezone.now() - datetime.timedelta(days=3))
    return "ipai_bronze_core.orders"


def test_the_record_of_columns_begins_with_what_the_history_tells(orders: str, north: Side, south: Side) -> None:
    def filled() -> dict[Any, set[str]]:
        LoadedTable.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # the table cannot be altered while checks of its rows wait
            for direction in ("down", "up"):
                cursor.execute(RunSQLFile("0006_loaded_table").sql("lakehouse", direction))
        return {one.tenant_id: set(one.columns) for one in LoadedTable.objects.filter(target=orders)}

    assert filled() == {north.tenant.pk: set(), south.tenant.pk: set()}  # nobody knows whose they are
    RunStream.objects.filter(run=south.run).update(target="ipai_bronze_core.never_made")
    assert filled() == {north.tenant.pk: {"_connector_id", "_tenant_id", "_loaded_at", "id", "total"}}


def outside_migrations(table: dict[str, Any]) -> bool:
    """Not one of the tables that migrations made."""
    return not table["schema"].endswith(("_devops", "_erp"))


def test_the_layers_in_the_order_of_the_flow(orders: str) -> None:
    layers = queries.layers()
    assert [layer["schema"] for layer in layers] == list(LAYERS)
    bronze = layers[0]
    assert (bronze["name"], bronze["level"], bronze["domain"]) == ("bronze_core", "bronze", "core")
    assert "where each row came from" in bronze["comment"]


def test_tables_with_their_sources_and_freshness(orders: str, north: Side, south: Side) -> None:
    found = {f"{table['schema']}.{table['name']}": table for table in queries.tables() if outside_migrations(table)}
    assert list(found) == [orders, "ipai_silver_core.big_orders", "ipai_gold_core.order_count"]
    table = found[orders]
    assert (table["kind"], table["columns"], table["row_estimate"], table["comment"]) == ("table", 5, 7, "Orders of the shop")
    assert table["connectors"] == sorted([north.connector.name, south.connector.name])
    assert table["late"] is False
    view = found["ipai_silver_core.big_orders"]
    assert (view["kind"], view["row_estimate"], view["connectors"], view["late"]) == ("view", None, [], None)


def test_a_tenant_sees_its_own_connectors_and_no_table_that_only_others_feed(orders: str, north: Side, south: Side) -> None:
    (mine,) = queries.tables("ipai_bronze_core", tenant_id=north.tenant.pk)
    (theirs,) = queries.tables("ipai_bronze_core", tenant_id=south.tenant.pk)
    assert (mine["connectors"], mine["late"]) == ([north.connector.name], False)
    assert (theirs["connectors"], theirs["late"]) == ([south.connector.name], True)
    LoadedTable.objects.filter(tenant=north.tenant).delete()
    assert queries.tables("ipai_bronze_core", tenant_id=north.tenant.pk) == []
    assert queries.present([orders], tenant_id=north.tenant.pk) == set()
    with pytest.raises(queries.UnknownTable):
        queries.table_detail("ipai_bronze_core", "orders", tenant_id=north.tenant.pk)


@pytest.mark.parametrize(
    ("words", "count"), [("ORD", 3), ("shop", 1), ("total", 2), ("100%", 0), ("_", 3), ("'; DROP TABLE x", 0), ("", 3)]
)
def test_search_is_literal_over_names_comments_and_columns(orders: str, words: str, count: int) -> None:
    assert len(list(filter(outside_migrations, queries.tables(search=words)))) == count


def test_schemas_that_are_not_layers_have_no_tables(orders: str) -> None:
    assert queries.tables("public") == []
    with pytest.raises(queries.UnknownTable, match=r"no table public\.ipai_secret"):
        queries.table_detail("public", "ipai_secret")


def test_the_detail_of_a_table(orders: str, north: Side) -> None:
    detail = queries.table_detail("ipai_bronze_core", "orders", tenant_id=north.tenant.pk)
    assert detail["primary_key"] == ["_connector_id", "id"]
    assert detail["column_list"][0] == {
        "name": "_connector_id",
        "type": "uuid",
        "nullable": False,
        "default": None,
        "comment": "",
        "meta": True,
    }
    assert detail["column_list"][-1] == {
        "name": "total",
        "type": "numeric(12,2)",
        "nullable": True,
        "default": None,
        "comment": "Total (EUR)",
        "meta": False,
    }
    assert [(policy["name"], policy["command"], policy["roles"]) for policy in detail["policies"]] == [
        ("tenant_and_layer", "select", ["ipai_user"])
    ]
    (producer,) = detail["producers"]
    assert (producer["connector"], producer["stream"], producer["rows_written"]) == (north.connector.name, "orders", 3)
    assert producer["last_loaded_at"] is not None
    assert detail["upstream"] == []
    assert detail["downstream"] == ["ipai_gold_core.order_count", "ipai_silver_core.big_orders"]


def test_lineage_goes_all_the_way_up_and_a_view_is_read_by_who_reads_all_of_it(orders: str) -> None:
    detail = queries.table_detail("ipai_gold_core", "order_count")
    assert detail["upstream"] == ["ipai_bronze_core.orders", "ipai_silver_core.big_orders"]
    assert ("ipai_bronze_core.orders", "ipai_silver_core.big_orders") in detail["edges"]
    assert {role for role, may in detail["readers"].items() if may} == readers("ipai_bronze_core")


def test_the_role_matrix_is_what_the_database_really_does(orders: str, north: Side) -> None:
    from django.db.utils import ProgrammingError

    def matrix() -> dict[str, bool]:
        seen = {}
        for role in ROLES:
            with reader_of(north, role) as cursor:
                try:
                    seen[role] = queries.count_rows(cursor, "ipai_bronze_core", "orders")[0] > 0
                except ProgrammingError:
                    seen[role] = False
        return seen

    assert queries.table_detail("ipai_bronze_core", "orders")["readers"] == matrix()
    assert any(matrix().values())
    with connection.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON ipai_bronze_core.orders FROM ipai_user")
    assert queries.table_detail("ipai_bronze_core", "orders")["readers"] == matrix() == dict.fromkeys(ROLES, False)


def test_samples_and_counts_hold_to_the_readers_rights(orders: str, north: Side) -> None:
    with reader_of(north, "data_engineer") as cursor:
        rows = queries.sample(cursor, "ipai_bronze_core", "orders", ["_tenant_id", "total"], limit=2)
        assert rows["columns"] == ["_tenant_id", "total"]
        assert len(rows["rows"]) == 2
        assert {row[0] for row in queries.sample(cursor, "ipai_bronze_core", "orders", ["_tenant_id"])["rows"]} == {north.tenant.pk}
        assert queries.count_rows(cursor, "ipai_bronze_core", "orders") == (3, True)
        assert queries.count_rows(cursor, "ipai_bronze_core", "orders", limit=2) == (2, False)
        with pytest.raises(queries.UnknownTable):
            queries.sample(cursor, "public", "ipai_secret", ["name"])
    with reader_of(north, "bi_developer") as cursor:
        assert queries.sample(cursor, "ipai_bronze_core", "orders", ["id"])["rows"] == []


def test_odd_names_are_quoted(db: None) -> None:
    name: Any = 'a "b".c; DROP'
    with connection.cursor() as cursor:
        cursor.execute('CREATE TABLE ipai_bronze_core."a ""b"".c; DROP" (id int)')
        assert queries.table_detail("ipai_bronze_core", name)["column_list"][0]["name"] == "id"
        assert queries.sample(cursor, "ipai_bronze_core", name, queries.columns("ipai_bronze_core", name)) == {
            "columns": ["id"],
            "rows": [],
        }
