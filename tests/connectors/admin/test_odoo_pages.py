"""What the console says of a connector that reads Odoo: its rows' records, its streams, its fields, its proof."""

from __future__ import annotations

import re

import pytest

from connectors.sources.odoo import OdooSource

pytestmark = pytest.mark.django_db(transaction=True)
LINK = re.compile(r'<a href="([^"]+)" target="_blank" rel="([^"]+)" title="([^"]+)" aria-label="([^"]+)">')
INVOICES = "/admin/catalog/ipai_bronze_erp/invoices/"


@pytest.mark.parametrize("where", ["catalog", "preview"])
def test_rows_lead_to_their_records_in_odoo(as_role, odoo, connect, run_now, rows, where):
    connector = connect(models=["account.move"])
    run_now(connector)
    gone, *_ = shown = [key for (key,) in rows("SELECT id FROM ipai_bronze_erp.invoices LIMIT 20")]
    rows("UPDATE ipai_bronze_erp.invoices SET _deleted_at = now() WHERE id = %s RETURNING id", [gone])
    address = INVOICES if where == "catalog" else f"/admin/connectors/{connector.pk}/?tab=preview"
    links = LINK.findall(as_role("data_engineer").get(address).content.decode())
    assert len(links) >= len(shown) - 1
    assert not [url for url, *_ in links if f"id={gone}&" in url], "what Odoo has deleted has no page there"
    url, rel, title, said = links[0]
    key = re.search(r"#id=(\d+)&amp;model=account.move&amp;view_type=form$", url)[1]
    assert url.startswith("https://odoo.demo.invalid/web#")
    assert ("noopener" in rel.split(), title) == (True, "Open in Odoo")
    assert said == f"Open invoices {key} in Odoo, in a new tab"


def test_a_source_that_names_a_script_gets_no_link(as_role, odoo, connect, run_now, monkeypatch):
    run_now(connect(models=["account.move"]))
    monkeypatch.setattr(OdooSource, "record_url", classmethod(lambda *_: "javascript:alert(document.domain)"))
    page = as_role("data_engineer").get(INVOICES).content.decode()
    assert "INV/" in page
    assert "javascript:alert" not in page
    assert not LINK.findall(page)


def test_rows_of_files_have_no_links(as_role, connector, run_now):
    run_now(connector)
    page = as_role("data_engineer").get("/admin/catalog/ipai_bronze_core/orders/").content.decode()
    assert "3.75" in page
    assert "Record in" not in page


def test_pages_say_what_a_proof_does_not_prove(as_role, portal_user, connect, run_now):
    connector = connect(models=["account.move.line"])
    run = run_now(connector)
    browser = as_role("data_engineer")
    page, overview = (browser.get(f"/admin/{one}/").content.decode() for one in (f"runs/{run.pk}", f"connectors/{connector.pk}"))
    assert "Equal, with gaps" in page
    assert "0 = 0 proves nothing" in page
    assert "1 thing not proven" in overview
    assert "equals the source" not in overview
