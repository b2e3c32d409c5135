"""The dashboard's line of each ledger: equal to its source or not, since when, for people of its tenant."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors import services
from connectors.models import ConnectorRun
from connectors.queries import proven_runs

pytestmark = pytest.mark.django_db
LINE = re.compile(r'<section class="c-card" id="proofs">(.*?)</section>', re.DOTALL)


@pytest.fixture
def proven(connect):
    """An ended run of a connector, with its proof: ``proven(ok=False)``."""
    made = connect()

    def make(ok=True, ago=timedelta(minutes=8), streams=(), records=2870, warnings=(), status="success"):
        at = timezone.now() - ago
        found = [] if ok else [{"what": "account.move.line, Bank: debit 12.00 in Odoo but 11.00 loaded (ids 7)"}]
        one = {"ok": ok, "checked": 40, "attempts": 1, "records": records, "differences": found, "repaired": []}
        proof = {
            "ok": ok,
            "checked": 40,
            "records": records,
            "differences": found,
            "at": at.isoformat(),
            "warnings": list(warnings),
        }
        proof["streams"] = {"journal_entries": one}
        run = ConnectorRun.objects.create(
            connector=made, status=status, ended_at=at, only_streams=list(streams), metadata={"proof": proof}
        )
        ConnectorRun.objects.filter(pk=run.pk).update(queued_at=at)
        return run

    make.connector = made
    return make


def line(browser):
    """The text of the panel and its link."""
    found = LINE.search(browser.get("/admin/").content.decode())
    if not found:
        return None, None
    link = re.search(r'<a class="c-link" href="([^"]+)"', found[1])[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1])).strip(), link


def test_a_proven_ledger_says_what_was_counted_and_when(as_role, proven):
    run = proven()
    text, link = line(as_role("operator"))
    assert link == f"/admin/runs/{run.pk}/#proof"
    for said in ("Equal", "erp = Odoo", "proven 8 min ago", "2,870 journal entries", "40 totals"):
        assert said in text


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ({"ok": False, "status": "failed"}, ["Differs", "erp ≠ Odoo", "debit 12.00 in Odoo but 11.00 loaded"]),
        ({"ago": timedelta(days=3)}, ["Old", "3 d ago", "longer ago than the data may be old"]),
        ({"warnings": ["journal_entries: sees no journal items, and 0 = 0 proves nothing"]}, ["With gaps", "0 = 0 proves nothing"]),
        ({"streams": ["journal_entries"]}, ["Never proven", "No run has compared all of its tables"]),
    ],
)
def test_a_ledger_that_is_not_proven_is_not_green(as_role, proven, how, wanted):
    proven(**how)
    text, _ = line(as_role("operator"))
    assert "Equal" not in text
    for said in wanted:
        assert said in text


def test_a_connector_that_never_ran_is_never_proven(as_role, proven):
    text, link = line(as_role("operator"))
    assert "Never proven" in text
    assert link == f"/admin/connectors/{proven.connector.pk}/"


def test_a_later_failure_takes_the_green_away(as_role, proven):
    run = proven()
    proven.connector.runs.create(status="failed", ended_at=timezone.now(), metadata={"proof": None})
    text, link = line(as_role("operator"))
    assert "Old" in text
    assert "The last run has failed since then" in text
    assert str(run.pk) in link


def test_a_difference_in_one_table_outweighs_an_older_proof_of_all(as_role, proven):
    proven(ago=timedelta(hours=1))
    bad = proven(ok=False, streams=["journal_entries"], status="failed")
    text, link = line(as_role("operator"))
    assert "Differs" in text
    assert str(bad.pk) in link


def test_only_people_of_the_tenant_see_it_and_files_have_none(as_role, proven, connector, other_tenant):
    proven()
    assert line(as_role("operator", tenant=other_tenant)) == (None, None)
    text, _ = line(as_role("operator"))
    assert "orders" not in text


def test_it_costs_two_queries_and_reads_an_index(as_role, proven, connector, actor, tenant):
    for number in range(5):
        services.create_connector(
            actor=actor,
            tenant=tenant,
            name=f"erp-{number}",
            connector_type="odoo",
            config={"url": "https://odoo.example.com", "database": "main", "user": "reader"},
            secrets={"password": "letter-box-9"},
        )
    proven()
    ConnectorRun.objects.bulk_create(
        ConnectorRun(connector=connector, status="success", metadata={"proof": None}) for _ in range(500)
    )
    browser = as_role("operator")
    with CaptureQueriesContext(connection) as queries:
        browser.get("/admin/")
    asked = [query["sql"] for query in queries if "{proof,at}" in query["sql"]]
    assert len(asked) == 1
    newest = proven_runs().filter(connector=proven.connector).order_by("-queued_at", "-id")[:1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ipai_connector_run")
    assert "run_proven" in newest.explain()
