"""The catalog shows structure to everybody who may look and rows to those whose roles read the layer."""

from __future__ import annotations

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db
TABLE = ["ipai_bronze_core", "orders"]


@pytest.fixture
def loaded(make_connector, run_now, files):
    (files / "orders.csv").write_text("id,paid,note\n1,true,first-note\n2,false,\n")
    connector = make_connector("orders", path=str(files / "orders.csv"), table="orders")
    assert run_now(connector).status == "success"
    return connector


def text(response):
    return response.content.decode()


def test_the_list_has_layers_tables_and_search(as_role, loaded):
    browser = as_role("data_engineer")
    page = text(browser.get(reverse("admin:catalog")))
    assert page.index("layer=ipai_bronze_core") < page.index("layer=ipai_platinum_core")
    assert reverse("admin:catalog_table", args=TABLE) in page
    assert reverse("admin:catalog_table", args=TABLE) in text(browser.get(reverse("admin:catalog"), {"q": "note"}))
    assert "No table fits" in text(browser.get(reverse("admin:catalog"), {"q": "nothing-like-it"}))
    assert "Nothing in this layer yet" in text(browser.get(reverse("admin:catalog"), {"layer": "ipai_gold_core"}))


def test_a_table_has_columns_rows_readers_and_where_it_came_from(as_role, loaded):
    page = text(as_role("data_engineer").get(reverse("admin:catalog_table", args=TABLE)))
    assert "first-note" in page
    assert '<td class="c-now">true</td>' in page
    assert page.index("<th>id</th>") < page.index("<th>_run_id</th>")
    assert reverse("admin:connector", args=[loaded.pk]) in page
    assert "BI developer" in page


def test_without_the_right_the_rows_are_not_there(as_role, loaded):
    page = text(as_role("bi_developer").get(reverse("admin:catalog_table", args=TABLE)))
    assert "You may not read this layer" in page
    assert "first-note" not in page
    assert "bigint" in page


def test_another_tenant_sees_neither_rows_nor_connector(as_role, loaded, other_tenant):
    browser = as_role("data_engineer", tenant=other_tenant)
    response = browser.get(reverse("admin:catalog_table", args=TABLE))
    assert "first-note" not in text(response)
    assert reverse("admin:connector", args=[loaded.pk]) not in text(response)


@pytest.mark.parametrize("place", [["public", "ipai_secret"], ["ipai_bronze_core", "none"], ["pg_catalog", "pg_authid"]])
def test_tables_outside_the_layers_do_not_exist(as_role, place):
    assert as_role("platform_admin").get(reverse("admin:catalog_table", args=place)).status_code == 404


def test_the_search_box_finds_connectors_tables_and_pages(as_role, loaded):
    browser = as_role("data_engineer")
    found = text(browser.get(reverse("admin:find"), {"q": "orders"}))
    assert reverse("admin:connector", args=[loaded.pk]) in found
    assert reverse("admin:catalog_table", args=TABLE) in found
    assert reverse("admin:secrets") in text(browser.get(reverse("admin:find"), {"q": "secr"}))
    assert reverse("admin:audit") not in text(browser.get(reverse("admin:find"), {"q": "audit"}))
    assert "&lt;script&gt;" in text(browser.get(reverse("admin:find"), {"q": "<script>"}))
