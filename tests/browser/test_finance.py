"""The finance pages in a real browser: accessible, whole on a phone, opened by mouse and by keyboard, on paper."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from connectors import services
from connectors.demo import vendors
from tests.finance.ledger import USD, Ledger, d

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONG = "Northern Distribution and Warehousing Company of the Very Long Name GmbH & Co. KG"
PROVEN = {
    "ok": True,
    "differences": [],
    "checked": 4,
    "records": 60,
    "at": "2026-11-23T09:00:00+00:00",
    "streams": {"journal_entries": {"records": 60}},
}
BROKEN = PROVEN | {"ok": False, "differences": [{"what": "journal items: debits of 2026-03 are 12.00 lower than in Odoo"}]}


@pytest.fixture
def books(tenant, settings):
    """Two companies of two currencies, a year and a half of sales, someone who pays late."""
    settings.IPAI_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
    made = Ledger(tenant)
    made.company(2, currency=USD)
    for key, (currency, rate) in enumerate(((1, "1"), (USD, "1.25")), 1):
        made.put("currency_rates", id=key, name=d("2020-01-01"), currency_id=currency, rate=Decimal(rate))
    made.put("partners", id=5, name=LONG)
    made.move("2025-01-02", ("bank", 1_250_000), ("capital", -1_250_000))
    for number in range(18):
        day = f"{2025 + (5 + number) // 12}-{(5 + number) % 12 + 1:02}-05"
        late = ("receivable", 48_210 + 997 * number, {"partner_id": 5, "date_maturity": day})
        made.move(day, late, ("sales", -48_210 - 997 * number), kind="out_invoice")
        made.move(day, ("rent", 30_000), ("goods", 21_000), ("bank", -51_000))
        made.move(day, ("bank", 700), ("sales", -700), company=2)
    bill = ("payable", -9_000, {"partner_id": 5, "date_maturity": "2026-12-20"})
    made.move("2026-11-20", ("goods", 9_000), bill, kind="in_invoice")
    made.sync(proof=PROVEN)
    return made


@pytest.fixture
def addresses(books):
    return [
        *("/finance/", "/finance/?currency=EUR", "/finance/profit-and-loss/", "/finance/profit-and-loss/?by=month&company=1"),
        *("/finance/balance-sheet/", "/finance/cashflow/?by=quarter", "/finance/trial-balance/", "/finance/ageing/"),
        f"/finance/items/?company=1&account={books.id_of('receivable')}",
        "/finance/open-items/?kind=receivable",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, books, addresses, scheme):
    page = visit("auditor", scheme=scheme)
    for broken in (False, True):
        if broken:
            books.sync(proof=BROKEN)
        for address in addresses:
            page.goto(address)
            for opened in page.locator(".f-account .f-toggle, details.c-more > summary").all()[:2]:
                opened.click()
            expect(page.locator(".f-loading")).to_have_count(0)
            found = Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
            assert serious == [], address
    assert page.problems == []


def test_nothing_scrolls_sideways_on_a_phone(visit, addresses):
    page = visit("auditor", width=390)
    for address in addresses:
        page.goto(address)
        if page.locator(".f-account .f-toggle").count():
            page.locator(".f-account .f-toggle").first.click()
            expect(page.locator(".f-slot table").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address
        frames = "[...document.querySelectorAll('.c-frame:not(:has(.c-data))')]"
        assert page.evaluate(f"{frames}.filter((one) => one.scrollWidth > one.clientWidth).length") == 0, address


def test_a_statement_opens_down_to_the_document(visit, books):
    page = visit("auditor")
    page.goto("/finance/profit-and-loss/?company=1")
    sales = page.get_by_role("button", name=re.compile("sales"))
    expect(sales).to_have_attribute("aria-expanded", "false")
    sales.click()
    expect(page.get_by_text("5 Nov 2026", exact=True)).to_be_visible()
    expect(sales).to_have_attribute("aria-expanded", "true")
    sales.click()
    expect(page.get_by_text("5 Nov 2026", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Income", exact=True).click()
    expect(sales).to_be_hidden()
    page.get_by_role("button", name="Open all").click()
    expect(sales).to_be_visible()
    page.get_by_role("row", name=re.compile("sales")).get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Journal items")).to_be_visible()
    assert page.problems == []


def test_rows_that_cannot_be_read_say_so_and_are_read_again(visit, books):
    page = visit("auditor")
    page.goto("/finance/profit-and-loss/?company=1")
    page.route("**/finance/items/**", lambda route: route.fulfill(status=503, body="no"))
    sales = page.get_by_role("button", name=re.compile("sales"))
    sales.click()
    expect(page.get_by_text("These rows could not be read")).to_be_visible()
    page.unroute("**/finance/items/**")
    sales.click()
    sales.click()
    expect(page.get_by_text("5 Nov 2026", exact=True)).to_be_visible()


def test_keys_go_there_open_lines_and_tell_how_a_figure_is_computed(visit, books):
    page = visit("auditor")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Finance", exact=True, level=1)).to_be_visible()
    page.goto("/finance/profit-and-loss/?company=1")
    sales = page.get_by_role("button", name=re.compile("sales"))
    sales.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("5 Nov 2026", exact=True)).to_be_visible()
    page.get_by_role("button", name=re.compile("How Gross profit is computed")).focus()
    expect(page.locator(".f-tip")).to_have_text("Income less cost of revenue.")
    page.keyboard.press("Escape")
    expect(page.locator(".f-tip")).to_be_hidden()


def test_days_of_ones_own_and_choosing_a_company(visit, books):
    page = visit("auditor")
    page.goto("/finance/profit-and-loss/")
    page.get_by_label("Company").select_option(label="Company 2 · USD")
    expect(page.get_by_role("heading", name="Profit and loss in USD")).to_be_visible()
    expect(page.get_by_role("heading", name="Profit and loss in EUR")).to_have_count(0)
    page.get_by_label("From").fill("2026-03-01")
    page.get_by_label("To", exact=True).fill("2026-03-31")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("columnheader", name="Mar 2026")).to_be_visible()
    expect(page.locator("[data-line=net_profit] td").first).to_have_text("700.00")


def test_a_click_in_a_chart_goes_down(visit, books):
    page = visit("auditor")
    page.goto("/finance/?company=1")
    canvas = page.locator("[data-chart=results-0]")
    canvas.scroll_into_view_if_needed()
    place = canvas.evaluate(
        "(one) => { const bar = Chart.getChart(one).getDatasetMeta(0).data[9]; return { x: bar.x, y: (bar.y + bar.base) / 2 } }"
    )
    canvas.click(position=place)
    expect(page).to_have_url(re.compile("/finance/profit-and-loss/.*from=2026-09-01&to=2026-09-30"))


def test_on_paper_there_is_the_statement_and_whether_it_was_proven(visit, books):
    books.sync(proof=BROKEN)
    page = visit("auditor")
    page.goto("/finance/balance-sheet/?company=1")
    page.emulate_media(media="print")
    expect(page.get_by_text("Do not rely on these figures")).to_be_visible()
    expect(page.locator("[data-line=both]")).to_be_visible()
    for hidden in (".f-controls", ".c-tabs", ".c-bar", "#nav-sidebar", ".f-how >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()


@pytest.fixture
def inbox(tenant, actor, settings):
    """The demo's ledger with its bank lines that nobody has matched."""
    config = {"url": vendors.ODOO, "database": "demo", "user": "demo"}
    made = services.create_connector(
        actor=actor, tenant=tenant, name="ledger", connector_type="odoo", config=config, secrets={"password": "demo"}
    )
    run = services.execute_run(services.queue_run(connector=made, actor=actor, send_to_worker=False).pk)
    assert run.status == "success", run.error_message


def test_the_inbox_is_decided_with_the_keyboard(visit, inbox):
    page = visit("data_engineer")
    page.goto("/finance/reconciliation/")
    lines = page.locator(".f-line")
    left = int(page.locator("#f-meter b").inner_text())
    page.keyboard.press("j")
    expect(lines.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(lines.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(lines.nth(0)).to_contain_text("Accepted by data_engineer")
    expect(page.locator("#f-meter b")).to_have_text(str(left - 1))
    expect(lines.nth(1)).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#f-meter b")).to_have_text(str(left))
    expect(lines.nth(0)).not_to_contain_text("Accepted by")
    expect(lines.nth(0)).to_be_focused()
    page.keyboard.press("x")
    expect(lines.nth(0).locator(".f-struck")).to_have_count(1)
    assert page.problems == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_inbox_is_usable_by_everybody_and_on_a_phone(visit, inbox, scheme, width):
    page = visit("data_engineer", scheme=scheme, width=width)
    page.goto("/finance/reconciliation/")
    page.locator(".f-line details > summary").first.click()
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
