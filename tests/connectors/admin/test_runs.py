"""The list of runs stays fast and exact; a run's page is live while it is open and complete afterwards."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connectors.models import ConnectorRun, RejectedRecord

pytestmark = pytest.mark.django_db
LINK = re.compile(r'<td><a href="/admin/runs/([0-9a-f-]{36})/"')


@pytest.fixture
def browser(as_role):
    return as_role("data_engineer")


@pytest.fixture
def many(connector):
    """120 runs, several at the same moment."""
    now = timezone.now()
    made = ConnectorRun.objects.bulk_create(
        ConnectorRun(connector=connector, status="failed" if n % 4 == 0 else "success") for n in range(120)
    )
    for number, run in enumerate(made):
        ConnectorRun.objects.filter(pk=run.pk).update(queued_at=now - timedelta(minutes=number // 3))
    return list(ConnectorRun.objects.order_by("-queued_at", "-id").values_list("id", flat=True))


def walk(browser, address, rel):
    """Every page from ``address`` on: the ids of each."""
    while address:
        page = browser.get(address).content.decode()
        yield LINK.findall(page)
        link = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        address = reverse("admin:runs") + link.group(1).replace("&amp;", "&") if link else None


def test_paging_shows_each_run_once_and_back_again(browser, many):
    pages = list(walk(browser, reverse("admin:runs"), "next"))
    assert [key for page in pages for key in page] == [str(key) for key in many]
    assert [len(page) for page in pages] == [50, 50, 20]


def test_the_way_back_is_the_way_there(browser, many):
    first = browser.get(reverse("admin:runs")).content.decode()
    second = reverse("admin:runs") + re.search(r'rel="next" href="([^"]+)"', first).group(1)
    pages = list(walk(browser, second, "prev"))
    assert pages[-1] == LINK.findall(first)


def test_no_query_counts_all_runs_or_runs_once_per_row(browser, many):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        browser.get(reverse("admin:runs"))
    statements = [query["sql"] for query in queries]
    assert not [one for one in statements if "COUNT(" in one and "ipai_connector_run" in one]
    assert len(statements) < 20


def test_filters_and_their_counts(browser, many):
    page = browser.get(reverse("admin:runs"), {"status": "failed"}).content.decode()
    assert len(LINK.findall(page)) == 30
    assert re.search(r">Failed <b>30</b>", page)
    assert re.search(r">All <b>120</b>", page)
    assert LINK.findall(browser.get(reverse("admin:runs"), {"connector": "nobody"}).content.decode()) == []
    assert LINK.findall(browser.get(reverse("admin:runs"), {"trigger": "api"}).content.decode()) == []
    assert browser.get(reverse("admin:runs"), {"after": "made-up", "status": "nonsense"}).status_code == 200


def test_an_open_run_polls_and_an_ended_one_asks_for_the_page(browser, connector, make_run):
    run = make_run(connector, "running", started_at=timezone.now())
    assert 'hx-trigger="every 1s"' in browser.get(reverse("admin:run", args=[run.pk])).content.decode()
    assert "HX-Refresh" not in browser.get(reverse("admin:run_live", args=[run.pk])).headers
    ConnectorRun.objects.filter(pk=run.pk).update(status="success", ended_at=timezone.now())
    ended = browser.get(reverse("admin:run_live", args=[run.pk]))
    assert ended["HX-Refresh"] == "true"
    assert "hx-trigger" not in ended.content.decode()


def test_a_run_shows_counts_rejected_records_and_log(browser, connector, make_run):
    now = timezone.now()
    run = make_run(connector, rejected=3, started_at=now - timedelta(seconds=4), ended_at=now, metadata={"host": "worker-1"})
    RejectedRecord.objects.bulk_create(
        RejectedRecord(run=run, stream="orders", place=f"orders.csv:{n}", reason="no number", raw="<b>") for n in range(60)
    )
    run.log.create(stream="orders", level="info", message="Loaded part one")
    run.log.create(stream="orders", level="error", message="A bad thing")
    page = browser.get(reverse("admin:run", args=[run.pk])).content.decode()
    assert "3 rejected" in page
    assert page.count("orders.csv:") == 50
    assert "&lt;b&gt;" in page
    assert "Loaded part one" in page
    assert "worker-1" in page
    errors = browser.get(reverse("admin:run", args=[run.pk]), {"level": "ERROR"}).content.decode()
    assert "A bad thing" in errors
    assert "Loaded part one" not in errors


def test_counts_that_do_not_add_up_are_said(browser, connector, make_run):
    run = make_run(connector)
    run.streams.update(rows_written=4)
    assert "do not add up" in browser.get(reverse("admin:run", args=[run.pk])).content.decode()


def test_cancel_and_retry(browser, connector, make_run):
    run = make_run(connector, "queued")
    browser.post(reverse("admin:run_cancel", args=[run.pk]))
    run.refresh_from_db()
    assert run.cancel_requested
    ConnectorRun.objects.filter(pk=run.pk).update(status="cancelled")
    again = browser.post(reverse("admin:run_retry", args=[run.pk]))
    newest = ConnectorRun.objects.order_by("-queued_at").first()
    assert again["Location"] == reverse("admin:run", args=[newest.pk])
    assert newest.pk != run.pk


def test_a_table_is_linked_once_it_is_there(browser, connector, files, run_now):
    file = files / "orders.csv"
    good = file.read_text()
    file.write_text("id,amount\n1,2,3\n")
    table = reverse("admin:catalog_table", args=["ipai_bronze_core", "orders"])
    pages = [
        reverse("admin:run", args=[run_now(connector).pk]),
        reverse("admin:connector", args=[connector.pk]) + "?tab=streams",
        reverse("admin:connector", args=[connector.pk]) + "?tab=preview",
    ]
    for page in pages:
        found = browser.get(page).content.decode()
        assert f'href="{table}"' not in found
        assert "not created yet" in found or "Nothing was loaded yet" in found
    file.write_text(good)
    run_now(connector)
    for page in pages[:2]:
        assert f'href="{table}"' in browser.get(page).content.decode()
    assert browser.get(table).status_code == 200


def test_a_sample_says_how_many_rows_it_shows(browser, connector, files, run_now):
    run_now(connector)
    pages = [
        reverse("admin:connector", args=[connector.pk]) + "?tab=preview",
        reverse("admin:catalog_table", args=["ipai_bronze_core", "orders"]),
    ]
    for page in pages:
        assert "2 rows, as you may see them" in browser.get(page).content.decode()
    (files / "orders.csv").write_text("id\n" + "\n".join(map(str, range(30))) + "\n")
    run_now(connector)
    for page in pages:
        assert "the first 20 rows, as you may see them" in browser.get(page).content.decode()
