"""The DevOps pages in a real browser: accessible, nothing hidden on a phone, and the timeline zooms by dragging."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.devops.organisation import Organisation, at

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def org(tenant, settings):
    settings.IPAI_NOW = at("03-01")
    made = Organisation(tenant.pk)
    made.commit("root", "01-01")
    made.commit("a", "01-02", "root")
    bad = made.deploy("a", ("success", "02-10"))
    made.deploy("root", ("success", "02-10 01:00"))
    made.deploy("a", ("failure", "02-20"))
    made.incident(f"deployment {bad}", "02-10", "02-12")
    ci = made.workflow("CI of the northern distribution centre")
    for number in range(60):
        when = (at("02-28") - timedelta(days=number)).isoformat()
        made.run(ci, "failure" if number < 3 else "success", when, 300, head_sha=f"sha{number % 50}", queue=5)
    for name in ("prd", "plan"):
        made.insert("spec_files", repository_id=made.repository_id, path=f"spec/portal/{name}.md", content="# One\n\nTODO\n")
    made.repository("-".join(["a-very-long-organisation"] * 2) + "/" + "-".join(["repository-of-the-northern-centre"] * 3)[:100])
    made.refresh()
    made.ci = ci
    return made


@pytest.fixture
def addresses(org):
    return [
        *("/devops/", f"/devops/ci/?workflow_id={org.ci}", "/devops/deployments/", "/devops/dora/?repository=octo/portal"),
        *("/devops/specs/", f"/devops/runs/?workflow_id={org.ci}", "/devops/changes/", "/devops/items/"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, addresses, scheme):
    page = visit("operator", scheme=scheme)
    for address in addresses:
        page.goto(address)
        found = Axe().run(page).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], address
    assert page.problems == []


def test_nothing_scrolls_sideways_on_a_phone(visit, addresses):
    page = visit("operator", width=390)
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address
        frames = "[...document.querySelectorAll('.c-frame')]"
        assert page.evaluate(f"{frames}.filter((one) => one.scrollWidth > one.clientWidth).length") == 0, address


def test_a_long_label_on_a_phone_wraps_beside_its_value(visit, org):
    page = visit("operator", width=390)
    page.goto("/devops/specs/")
    measured = """() => [...document.querySelectorAll('.c-stack tbody td[data-label]')].map((cell) => {
        const label = getComputedStyle(cell, '::before');
        return [cell.dataset.label, label.whiteSpace, parseFloat(label.height), cell.getBoundingClientRect().height];
    })"""
    cells = {label: rest for label, *rest in page.evaluate(measured)}
    for label, (wraps, height, room) in cells.items():
        assert (wraps, height <= room) == ("normal", True), label
    assert cells["Requirements with a task"][1] > 1.5 * cells["Tasks"][1]


def test_dragging_over_a_lane_zooms_in(visit, org):
    page = visit("operator")
    page.goto("/devops/deployments/?range=90d")
    expect(page.locator("a.d-mark")).to_have_count(3)
    lane = page.locator(".d-lane").bounding_box()
    day = lane["width"] / 90
    page.mouse.move(lane["x"] + 68 * day, lane["y"] + 3)
    page.mouse.down()
    page.mouse.move(lane["x"] + 75 * day, lane["y"] + 3, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile("from=2026-02-.*until=2026-02-"))
    expect(page.locator("a.d-mark")).to_have_count(2)
    assert page.problems == []


def test_g_d_leads_there(visit, org):
    page = visit("operator")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="DevOps health")).to_be_visible()
