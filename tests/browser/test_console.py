"""What a person does with the console, in a browser."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from connectors import services
from connectors.models import ConnectorConfig, ConnectorRun, RejectedRecord
from ipai.vault.services import set_secret

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONG = "warehouse-movements-of-the-northern-distribution-centre-with-a-very-long-name"


def test_a_connector_from_the_form_to_its_rows(visit, files):
    (files / "orders.csv").write_text("order_id,customer,amount\n" + "".join(f"{n},Customer {n},{n}.50\n" for n in range(1, 41)))
    page = visit("data_engineer")
    page.get_by_role("link", name="Add a connector").click()
    page.get_by_role("link", name=re.compile("^.*Files")).click()
    page.get_by_label("Name", exact=True).fill("orders")
    page.get_by_text("A bucket").click()
    expect(page.get_by_label("Region")).to_be_visible()
    expect(page.get_by_label("Path", exact=True)).to_be_hidden()
    page.get_by_text("This host or an upload").click()
    expect(page.get_by_label("Region")).to_be_hidden()
    page.get_by_label("Path", exact=True).fill(str(files / "none.csv"))
    page.get_by_label("Table", exact=True).fill("orders")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#c-checks")).to_contain_text("Does not")
    page.get_by_label("Path", exact=True).fill(str(files / "orders.csv"))
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#c-checks")).to_contain_text("Works")
    expect(page.locator("#c-checks")).not_to_contain_text("Does not")
    page.get_by_role("button", name="Hourly").click()
    expect(page.locator("#c-words")).to_contain_text("Every hour")
    page.get_by_role("button", name="Save connector").click()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("Queued").first).to_be_visible()
    services.execute_run(ConnectorRun.objects.get().pk)
    expect(page.get_by_text(re.compile("Loaded in .*: 40 written"))).to_be_visible()
    page.locator("td[title='ipai_bronze_core.orders'] a").click()
    expect(page.get_by_role("cell", name="Customer 7", exact=True)).to_be_visible()
    expect(page.get_by_text("Rows you may read")).to_be_visible()
    assert page.problems == []


def test_a_file_is_uploaded_and_loaded(visit, files, tmp_path):
    local = tmp_path / "stock.csv"
    local.write_text("sku,quantity\nA,1\nB,2\n")
    page = visit("data_engineer")
    page.goto("/admin/connectors/add/?type=files")
    page.get_by_label("Name", exact=True).fill("stock")
    page.get_by_label("Table", exact=True).fill("stock")
    page.locator(".c-drop input[type=file]").set_input_files(local)
    expect(page.get_by_text("stock.csv is here")).to_be_visible()
    page.get_by_role("button", name="Save connector").click()
    expect(page.get_by_role("heading", name="stock", exact=True)).to_be_visible()
    connector = ConnectorConfig.objects.get()
    assert services.execute_run(services.queue_run(connector=connector, actor=_actor(), send_to_worker=False).pk).rows_written == 2


def test_deleting_asks_once_and_says_what_stays(visit, files, make_connector):
    make_connector("orders", path=str(files), table="orders")
    page = visit("data_engineer")
    page.get_by_role("link", name="orders").first.click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The rows it loaded stay in their bronze tables")).to_be_visible()
    page.get_by_role("button", name="Leave it").click()
    assert ConnectorConfig.objects.exists()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete connector").click()
    expect(page.get_by_text("orders is deleted")).to_be_visible()
    assert not ConnectorConfig.objects.exists()


def test_an_operator_runs_but_does_not_edit_and_an_auditor_reads_the_log(visit, files, make_connector):
    made = make_connector("orders", path=str(files), table="orders")
    page = visit("operator")
    page.goto(f"/admin/connectors/{made.pk}/")
    expect(page.get_by_role("button", name="Run now")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    expect(page.get_by_role("link", name="Audit log")).to_have_count(0)
    assert page.goto(f"/admin/connectors/{made.pk}/edit/").status == 403
    page = visit("auditor")
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("cell", name="tester").first).to_be_visible()
    expect(page.get_by_text("Append-only")).to_be_visible()


def test_keys_search_and_go_places(visit, files, make_connector):
    make_connector("orders", path=str(files), table="orders")
    page = visit("data_engineer")
    page.keyboard.press("/")
    page.keyboard.type("ord")
    expect(page.locator("#c-found a").first).to_contain_text("orders")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/admin/runs/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/admin/connectors/")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()


@pytest.fixture
def addresses(files, make_connector, tenant):
    """Every page, with rows that are as long and as many as they get."""
    (files / "orders.csv").write_text("id,note\n1,a\n2,b\n")
    made = make_connector(LONG, path=str(files / "orders.csv"), table="orders")
    services.execute_run(services.queue_run(connector=made, actor=_actor(), send_to_worker=False).pk)
    error = (
        "The database refused the batch at " + "a_very_long_file_name_without_any_space_in_it" * 8 + ": " + "it is too long " * 20
    )
    failed = ConnectorRun.objects.create(
        connector=made, status="failed", error_message=error, started_at=timezone.now(), ended_at=timezone.now()
    )
    failed.streams.create(
        stream="orders", target="ipai_bronze_core.orders", status="failed", error_message=error, rows_rejected=70, rows_read=70
    )
    failed.log.create(stream="orders", level="error", message=error)
    rejected = [
        RejectedRecord(run=failed, stream="orders", place=f"{LONG}.csv:{n}", reason=error, raw="x" * 900) for n in range(70)
    ]
    RejectedRecord.objects.bulk_create(rejected)
    running = make_connector("running", path=str(files), table="running")
    run = ConnectorRun.objects.create(connector=running, status="running", started_at=timezone.now())
    run.streams.create(
        stream="running",
        status="running",
        progress={"phase": "load", "rows": 5, "bytes": 5, "bytes_total": 9},
        started_at=timezone.now(),
    )
    set_secret(tenant.id, "a/very/long/secret/name/" + "x" * 120, "value", "test")
    tabs = [f"/admin/connectors/{made.pk}/?tab={tab}" for tab in ("overview", "streams", "runs", "settings", "preview")]
    plain = [
        "",
        "connectors/",
        "connectors/add/",
        "connectors/add/?type=files",
        "runs/",
        "catalog/",
        "catalog/ipai_bronze_core/orders/",
        "secrets/",
    ]
    plain += [
        "secrets/add/",
        "audit/",
        "people/",
        "people/add/",
        "tokens/",
        "tokens/add/",
        "tenants/",
        "tenants/add/",
        "schedules/",
    ]
    runs = [f"/admin/runs/{failed.pk}/", f"/admin/runs/{run.pk}/", f"/admin/connectors/{made.pk}/edit/"]
    return [*(f"/admin/{one}" for one in plain), *tabs, *runs]


def test_nothing_serious_for_people_who_see_or_type_differently(visit, addresses):
    light = visit("platform_admin", superuser=True)
    dark = visit.again("platform_admin", scheme="dark")
    for page in (light, dark):
        for address in addresses:
            page.goto(address)
            found = Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
            assert serious == [], address
        assert page.problems == []


def test_nothing_scrolls_sideways_on_a_phone(visit, addresses):
    page = visit("platform_admin", superuser=True, width=390)
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address
        frames = "[...document.querySelectorAll('.c-frame:not(:has(.c-data))')]"
        assert page.evaluate(f"{frames}.filter((one) => one.scrollWidth > one.clientWidth).length") == 0, (
            f"{address}: a table hides words behind its edge"
        )


def _actor():
    from ipai.observability.audit import Actor

    return Actor("tester")
