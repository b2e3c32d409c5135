"""Two Odoos whose custom fields differ, in the same shared tables: nothing is lost, and nobody's columns change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors import services
from connectors.demo import vendors
from connectors.demo.odoo.fields import field
from connectors.demo.odoo.server import FakeOdoo
from connectors.sources.odoo.stream import OdooStream
from ipai.access.services import create_tenant
from tests.support.odoo import SECRET

pytestmark = pytest.mark.django_db(transaction=True)
PARTNER = "res.partner"
TYPE = "SELECT data_type FROM information_schema.columns WHERE table_schema = 'ipai_bronze_erp' AND column_name = 'x_foo'"


@pytest.fixture
def load(odoo: FakeOdoo, actor: Any, tenant: Any, run_now: Any) -> Callable[..., Any]:
    """Load partners of an Odoo whose custom field x_foo has this type and value: ``load("beta", "char", "a7")``."""
    tenants = {"default": tenant, "beta": create_tenant("beta", actor_name="tester")}
    made: dict[tuple[str, str], Any] = {}

    def run(slug: str, kind: str, value: Any, name: str = "erp", **more: Any) -> Any:
        fields = odoo.store.models[PARTNER].fields
        for custom, custom_kind, custom_value in (("x_foo", kind, value), *((key, *pair) for key, pair in more.items())):
            fields[custom] = field(PARTNER, f"{custom} {custom_kind}")
            for row in odoo.store.rows[PARTNER].values():
                row[custom] = custom_value
        key = (slug, name)
        if key not in made:
            config = {"url": vendors.ODOO, "database": "demo", "user": "reader", "models": [PARTNER]}
            made[key] = services.create_connector(
                actor=actor,
                tenant=tenants[slug],
                name=name,
                connector_type="odoo",
                config=config,
                secrets={"password": SECRET},
            )
        return run_now(made[key], mode="full")

    return run


def values(rows: Any, connector: Any) -> set[Any]:
    """What the column and the raw record of a connector's rows say."""
    query = "SELECT DISTINCT x_foo, _raw->'x_foo' FROM ipai_bronze_erp.partners WHERE _connector_id = %s"
    return set(rows(query, [connector.pk]))


@pytest.mark.parametrize(("slug", "name"), [("beta", "erp"), ("default", "second")])
def test_a_custom_field_of_another_type_stays_raw_and_is_said(load: Any, rows: Any, slug: str, name: str) -> None:
    first = load("default", "integer", 5)
    second = load(slug, "char", "a7", name)
    assert (second.status, second.error_message) == ("success", "")
    assert rows(TYPE) == [("bigint",)], "the column that others have loaded keeps its type"
    assert values(rows, first.connector) == {(5, "5")}
    assert values(rows, second.connector) == {(None, '"a7"')}
    warned = "Field x_foo stays in _raw: it is text here, and the column of the shared table is bigint"
    assert second.metadata["warnings"] == [warned]
    told = {one["name"]: one for one in second.connector.stream_fields.get().fields}
    assert (told["x_foo"]["column"], told["x_foo"]["in_raw"]) == (None, True)
    assert "the column of the shared table is bigint" in told["x_foo"]["note"]
    assert told["name"]["column"] == "name"
    assert load("default", "integer", 6).metadata["warnings"] == [], "the first one is not concerned"


def test_what_the_column_takes_goes_into_it(load: Any, rows: Any) -> None:
    load("default", "char", "a7")
    second = load("beta", "integer", 5)
    assert (second.status, second.metadata["warnings"]) == ("success", [])
    assert values(rows, second.connector) == {("5", "5")}


def test_a_value_of_the_old_type_does_not_stay_behind(load: Any, rows: Any) -> None:
    load("default", "integer", 5)
    load("beta", "integer", 6)
    second = load("beta", "char", "a7")
    assert values(rows, second.connector) == {(None, '"a7"')}


def test_a_connector_that_is_alone_widens_its_column(load: Any, rows: Any) -> None:
    load("default", "integer", 5)
    run = load("default", "char", "a7")
    assert run.metadata["warnings"] == []
    assert rows(TYPE) == [("text",)]
    assert values(rows, run.connector) == {("a7", '"a7"')}


def test_a_field_that_only_one_tenant_has_becomes_a_column(load: Any, rows: Any) -> None:
    load("default", "integer", 5)
    second = load("beta", "integer", 6, x_more=("date", "2025-04-01"))
    assert (second.status, second.error_message) == ("success", "")
    found = rows(
        "SELECT DISTINCT _tenant_id = %s, x_more::text FROM ipai_bronze_erp.partners ORDER BY 1", [second.connector.tenant_id]
    )
    assert found == [(False, None), (True, "2025-04-01")]


def test_a_field_that_reports_rely_on_stops_the_stream(load: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OdooStream, "may_stay_raw", lambda self, column: False)
    load("default", "integer", 5)
    second = load("beta", "char", "a7")
    assert second.status == "failed"
    assert "do not fit the table partners (column x_foo), which others load too" in second.error_message
    assert rows("SELECT count(*) FROM ipai_bronze_erp.partners WHERE _tenant_id = %s", [second.connector.tenant_id]) == [(0,)]


def test_only_custom_fields_may_stay_raw(odoo: FakeOdoo) -> None:
    stream = OdooStream.__new__(OdooStream)
    names = ("x_foo", "x_studio_bar", "debit", "name", "id")
    assert [name for name in names if stream.may_stay_raw(name)] == ["x_foo", "x_studio_bar"]
