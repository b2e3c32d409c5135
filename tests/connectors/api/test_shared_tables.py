"""Two tenants that load one table learn nothing of each other: no row, no column, no size, in the API and in the console."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from connectors import services
from ipai.access.services import create_person

pytestmark = pytest.mark.django_db
TABLE = "catalog/ipai_bronze_core/payroll/"
SECRETS = ("salary_of_the_boss", "iban")


@pytest.fixture
def load(files: Any, actor: Any, run_now: Any) -> Any:
    """Load a CSV into ``payroll`` for a tenant; returns the connector."""

    def make(tenant: Any, content: str, **config: Any) -> Any:
        file = files / f"{tenant.slug}.csv"
        file.write_text(content)
        connector = services.create_connector(
            actor=actor, tenant=tenant, name="pay", connector_type="files", config={"path": str(file), "table": "payroll", **config}
        )
        run = run_now(connector)
        assert run.status == "success", run.error_message
        return connector

    return make


@pytest.fixture
def shared(load: Any, tenant: Any, other_tenant: Any) -> Any:
    """The default tenant's table of three columns, into which the other tenant has loaded ids of its own."""
    mine = load(tenant, "id,salary_of_the_boss,iban\n1,9000,DE1\n2,8000,DE2\n")
    load(other_tenant, "id\n7\n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ipai_bronze_core.payroll")
    return mine


def names(detail: dict[str, Any]) -> set[str]:
    return {column["name"] for column in detail["columns"] if not column["meta"]}


def test_each_sees_its_own_columns_and_no_size(shared: Any, admin: Any, stranger: Any) -> None:
    mine, theirs = admin.get(TABLE).json(), stranger.get(TABLE).json()
    assert names(mine) == {"id", *SECRETS}
    assert names(theirs) == {"id"}
    for detail in (mine, theirs):
        assert (detail["row_estimate"], detail["bytes"]) == (None, None)
    (listed,) = stranger.get("catalog/").json()["schemas"][0]["tables"]
    assert (listed["row_estimate"], listed["bytes"], listed["columns"]) == (None, None, len(theirs["columns"]))
    assert stranger.get(f"{TABLE}sample/").json()["rows"] != []
    for path in ("catalog/", TABLE, f"{TABLE}sample/"):
        assert not [word for word in SECRETS if word in stranger.get(path).content.decode()], path


def test_nor_do_the_pages_and_the_search_of_the_console(shared: Any, other_tenant: Any) -> None:
    browser = Client()
    browser.force_login(create_person("eve", actor_name="t", roles=["platform_admin"], tenant=other_tenant))
    theirs = other_tenant.connectors.get()
    for address in (f"/admin/{TABLE}", "/admin/catalog/", f"/admin/connectors/{theirs.pk}/?tab=preview"):
        page = browser.get(address)
        assert page.status_code == 200
        assert not [word for word in SECRETS if word in page.content.decode()], address
    for word in SECRETS:
        assert "payroll" not in browser.get("/admin/catalog/", {"q": word}).content.decode()
        assert "payroll" not in browser.get("/admin/find/", {"q": word}).content.decode()


def test_a_table_that_others_alone_have_loaded_is_not_there_even_without_its_connector(
    load: Any, tenant: Any, actor: Any, admin: Any, stranger: Any, files: Any, other_tenant: Any, run_now: Any
) -> None:
    connector = load(tenant, "id,iban\n1,DE1\n")
    (files / "bad.csv").write_text("id,other\nx,y\n")
    config = {"path": str(files / "bad.csv"), "table": "payroll"}
    spy = services.create_connector(actor=actor, tenant=other_tenant, name="spy", connector_type="files", config=config)
    assert run_now(spy).status == "failed"
    assert stranger.get(TABLE).status_code == 404
    services.delete_connector(actor, connector)
    assert stranger.get(TABLE).status_code == 404
    assert names(admin.get(TABLE).json()) == {"id", "iban"}


def test_a_table_of_one_tenant_has_its_size(load: Any, tenant: Any, admin: Any) -> None:
    load(tenant, "id\n1\n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ipai_bronze_core.payroll")
    detail = admin.get(TABLE).json()
    assert detail["row_estimate"] == 1
    assert detail["bytes"] > 0


def test_an_error_does_not_name_the_key_of_others(
    load: Any, tenant: Any, actor: Any, files: Any, other_tenant: Any, run_now: Any
) -> None:
    load(tenant, "id,iban\n1,DE1\n", primary_key="iban")
    (files / "ids.csv").write_text("id\n7\n")
    config = {"path": str(files / "ids.csv"), "table": "payroll"}
    spy = services.create_connector(actor=actor, tenant=other_tenant, name="spy", connector_type="files", config=config)
    run = run_now(spy)
    assert run.status == "failed"
    assert "iban" not in run.error_message
    assert "choose another table name" in run.error_message
