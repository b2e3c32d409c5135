"""What the console says of a run that was compared with its source, and the form of a source that needs nested settings."""

from __future__ import annotations

import pytest

from connectors.models import ConnectorRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def compared(connector):
    """An ended run whose proof holds what an unfriendly vendor might say."""

    def make(ok):
        found = (
            [] if ok else [{"what": "account.move, <script>alert(1)</script>: 2 records in Odoo but 1 loaded (ids 7)", "ids": [7]}]
        )
        stream = {"ok": ok, "checked": 12, "attempts": 2, "differences": found, "repaired": [{"what": "ids 5 differed"}]}
        proof = {"ok": ok, "checked": 12, "at": "2026-11-25T07:04:47+00:00", "differences": found, "streams": {"invoices": stream}}
        status = "success" if ok else "failed"
        return ConnectorRun.objects.create(connector=connector, status=status, metadata={"proof": proof})

    return make


@pytest.mark.parametrize("ok", [True, False])
def test_the_pages_of_run_and_connector_show_the_proof(as_role, compared, ok):
    run = compared(ok)
    browser = as_role("platform_admin")
    page = browser.get(f"/admin/runs/{run.pk}/").content.decode()
    assert "Compared with the source" in page
    assert ("Not equal" in page) is not ok
    assert "repaired: ids 5 differed" in page
    assert "<script>alert(1)" not in page
    assert ("ids 7" in page) is not ok
    overview = browser.get(f"/admin/connectors/{run.connector_id}/").content.decode()
    assert "Last proof" in overview
    assert ("12 totals agree" in overview) is ok


def test_a_connector_that_was_never_compared_shows_no_proof(as_role, connector):
    run = ConnectorRun.objects.create(connector=connector, status="success", metadata={"proof": None})
    browser = as_role("platform_admin")
    assert "Compared with the source" not in browser.get(f"/admin/runs/{run.pk}/").content.decode()
    assert "Last proof" not in browser.get(f"/admin/connectors/{connector.pk}/").content.decode()


def test_an_odoo_connector_can_be_added_in_the_console(as_role, tenant, files):
    browser = as_role("platform_admin")
    page = browser.get("/admin/connectors/add/?type=odoo")
    assert page.status_code == 200
    assert "Further models" in page.content.decode()
