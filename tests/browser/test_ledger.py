"""The pages of a source with many streams, in a browser: usable by everybody, on a phone too."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from connectors import services
from connectors.demo import vendors

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ledger(tenant, actor, files):
    """The demo's ledger, loaded and proven."""
    config = {"url": vendors.ODOO, "database": "demo", "user": "demo"}
    made = services.create_connector(
        actor=actor, tenant=tenant, name="ledger", connector_type="odoo", config=config, secrets={"password": "demo"}
    )
    run = services.execute_run(services.queue_run(connector=made, actor=actor, send_to_worker=False).pk)
    assert run.status == "success", run.error_message
    return run


@pytest.fixture
def addresses(ledger):
    """Every page that shows the ledger."""
    connector = f"/admin/connectors/{ledger.connector_id}/"
    tabs = [f"{connector}?tab={tab}" for tab in ("overview", "streams", "fields", "fields&q=partner", "settings", "preview")]
    others = ["/admin/", f"/admin/runs/{ledger.pk}/", "/admin/catalog/ipai_bronze_erp/invoices/"]
    return [*others, *tabs, "/admin/connectors/add/?type=odoo", f"{connector}edit/"]


def test_fields_open_one_stream_at_a_time_and_are_searched(visit, ledger):
    page = visit("data_engineer")
    page.goto(f"/admin/connectors/{ledger.connector_id}/?tab=fields")
    assert page.locator(".c-fields td").count() == 0
    page.get_by_text("account.move.line").click()
    expect(page.get_by_role("row", name=re.compile("^debit Debit monetary debit numeric"))).to_be_visible()
    page.get_by_label("Search the fields").fill("maturity")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".c-fields tbody tr")).to_have_count(1)
    expect(page.get_by_text("date_maturity").first).to_be_visible()


def test_a_row_opens_its_record_in_a_tab_of_its_own(visit, ledger):
    page = visit("data_engineer")
    page.goto("/admin/catalog/ipai_bronze_erp/invoices/")
    link = page.get_by_role("link", name=re.compile(r"^Open invoices \d+ in Odoo, in a new tab$")).first
    assert link.get_attribute("target") == "_blank"
    assert "noopener" in link.get_attribute("rel")
    assert page.evaluate("link => link.protocol", link.element_handle()) == "https:"


def test_nothing_serious_for_people_who_see_or_type_differently(visit, addresses):
    light = visit("platform_admin")
    for page in (light, visit.again("platform_admin", scheme="dark")):
        for address in addresses:
            page.goto(address)
            for folded in page.locator("details.c-more > summary, details.c-fold:not([open]) > summary").all()[:2]:
                folded.click()
            found = Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
            assert serious == [], address
        assert page.problems == []


def test_nothing_scrolls_sideways_on_a_phone(visit, addresses):
    page = visit("platform_admin", width=390)
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address
        frames = "[...document.querySelectorAll('.c-frame:not(:has(.c-data))')]"
        assert page.evaluate(f"{frames}.filter((one) => one.scrollWidth > one.clientWidth).length") == 0, address
