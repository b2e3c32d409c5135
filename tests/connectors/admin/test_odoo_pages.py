"""What the console says of a connector that reads Odoo: its rows' records, its streams, its fields, its proof."""

from __future__ import annotations

import re
import time

import pytest
from django.db import connection, transaction

from connectors import queries
from connectors.sources.odoo import OdooSource
from connectors.sources.odoo.models import MODELS

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
    assert "totals agree" not in overview


def cells(page):
    """The text of every row of a table of fields, by the field's name."""
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", page)
    plain = [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row.split("</td><td>")] for row in rows]
    return {row[0].split()[0]: row for row in plain}


def test_fields_are_known_without_asking_odoo(as_role, odoo, connect, run_now):
    odoo.denied_fields["account.move"] = {"narration"}
    connector = connect()
    browser, address = as_role("operator"), f"/admin/connectors/{connector.pk}/"
    assert "Press “Run now”" in browser.get(address, {"tab": "fields"}).content.decode()
    run_now(connector)
    run_now(connector)  # nothing new: Odoo is not asked for its fields, and what is known stays
    odoo.calls.clear()
    page = browser.get(address, {"tab": "fields"}).content.decode()
    assert page.count("<details") >= len(MODELS)
    assert "account.move.line" in page
    found = cells(browser.get(f"{address}fields/invoices/").content.decode())
    assert found["partner_id"] == ["partner_id Partner", "many2one of res.partner", "partner_id bigint"]
    assert found["amount_total"][2] == "amount_total numeric"
    assert found["line_ids"][2].startswith("in _raw alone the ids of records that point here")
    assert found["company_currency_id"][2] == "not read: Odoo computes it and stores nothing"
    assert "narration" not in found, "what fields_get hides is not known at all"
    assert odoo.calls == []


def test_fields_are_searched_over_all_streams(as_role, odoo, connect, run_now):
    connector = connect()
    run_now(connector)
    browser, address = as_role("operator"), f"/admin/connectors/{connector.pk}/"
    page = browser.get(address, {"tab": "fields", "q": "many2one res.partner partner_id"}).content.decode()
    assert set(cells(page)) >= {"partner_id", "commercial_partner_id"}
    assert "amount_total" not in cells(page)
    assert "No field matches" in browser.get(address, {"tab": "fields", "q": "no-such-thing <b>"}).content.decode()
    assert browser.get(f"{address}fields/nothing/").status_code == 404


def test_fields_of_another_tenants_connector_do_not_exist(as_role, odoo, connect, run_now, other_tenant):
    connector = connect(models=["res.company"])
    run_now(connector)
    stranger = as_role("platform_admin", tenant=other_tenant)
    assert stranger.get(f"/admin/connectors/{connector.pk}/fields/companies/").status_code == 404


def test_a_source_without_fields_says_where_columns_are(as_role, connector, run_now):
    run_now(connector)
    page = as_role("operator").get(f"/admin/connectors/{connector.pk}/", {"tab": "fields"}).content.decode()
    assert "No fields are known" in page


def rows_of(page):
    """The cells of every row as text, by the first word of the row."""
    found = {}
    for row in re.findall(r"<tr>(<td.*?)</tr>", page, re.DOTALL):
        cells = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row.split("</td>")]
        found[cells[0].split()[0] if cells[0] else ""] = cells
    return found


def test_streams_say_what_they_hold_and_how_they_were_proven(as_role, odoo, connect, run_now, rows):
    connector = connect()
    run = run_now(connector)
    rows("UPDATE ipai_bronze_erp.partners SET _loaded_at = now() - interval '3 days' RETURNING id")
    page = as_role("operator").get(f"/admin/connectors/{connector.pk}/", {"tab": "streams"}).content.decode()
    found, partners = rows_of(page), len(odoo.store.rows["res.partner"])
    assert len(found) == len(MODELS)
    stream, table, now, read, changed, proof, *_ = found["partners"]
    assert (stream, table, now) == ("partners res.partner", "partners ipai_bronze_erp", str(partners))
    assert changed == "3 d ago"
    assert not read.startswith(("3 d", "never"))
    assert proof.startswith(f"Equal {partners} counted,")
    assert f"/admin/runs/{run.pk}/#proof" in page


def test_a_table_that_a_load_has_locked_does_not_hold_up_the_page(odoo, connect, run_now):
    connector = connect(models=["res.company", "res.currency"])
    run_now(connector)
    targets = ["ipai_bronze_erp.companies", "ipai_bronze_erp.currencies"]
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("LOCK TABLE ipai_bronze_erp.companies IN ACCESS EXCLUSIVE MODE")
            found = queries.held(connector, targets)
    finally:
        other.rollback()
        other.close()
    assert list(found) == ["ipai_bronze_erp.currencies"]
    assert queries.held(connector, targets)["ipai_bronze_erp.companies"].rows > 0


def test_the_timeline_shows_what_reading_took(as_role, odoo, connect, run_now):
    odoo.before.append(lambda call: time.sleep(0.05) if call.method == "search_read" else None)
    run = run_now(connect(models=["account.move", "account.move.line"]))
    for stream in run.streams.all():
        assert stream.metadata["seconds"]["extract"] > 0.1
        assert stream.metadata["seconds"]["load"] > 0
        assert stream.metadata["seconds"]["prove"] > 0
    page = as_role("operator").get(f"/admin/runs/{run.pk}/").content.decode()
    assert len(re.findall(r'title="\w+: extract [0-9.]+ s, load [0-9.]+ s, prove [0-9.]+ s"', page)) == 2
    assert "extract 0.0 s" not in page
