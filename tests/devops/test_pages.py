"""The pages at /devops/: they show what the tables hold, each number leads to its rows, and nobody else's are shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from devops import queries
from devops.gold.refresh import refresh_all
from ipai.access.models import Tenant
from ipai.access.services import create_person, create_tenant
from ipai.access.sessions import Claims, governed
from tests.devops.organisation import Organisation, at

ADDRESSES = (
    *("/devops/", "/devops/ci/", "/devops/deployments/", "/devops/dora/", "/devops/specs/"),
    *("/devops/runs/", "/devops/changes/", "/devops/items/"),
)


def login(*roles: str, tenant: Tenant | None = None, name: str = "lead") -> Client:
    http = Client()
    http.force_login(create_person(name, actor_name="test", roles=roles, password="a-long-enough-1", tenant=tenant))
    return http


@pytest.fixture
def http(static_root: None, db: None) -> Client:
    return login("operator")


@pytest.fixture
def filled(org: Organisation) -> Organisation:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("b", "02-02", "a")
    org.deploy("a", ("success", "01-31 23:00"))
    bad = org.deploy("b", ("success", "02-10"))
    org.deploy("a", ("success", "02-10 01:00"))
    org.deploy("b", ("failure", "02-20"))
    org.incident(f"deployment {bad}", "02-10", "02-10 02:00")
    org.incident("No link", "02-11")
    ci = org.workflow("CI")
    for day, conclusion in ((1, "success"), (2, "failure"), (3, "failure")):
        org.run(ci, conclusion, f"02-0{day}", queue=4, head_sha="same", display_title=f"Push of {day}")
    org.insert("spec_files", repository_id=org.repository_id, path="spec/portal/prd.md", content="# PRD\n\nTODO\n")
    org.refresh()
    return org


def text(response: Any) -> str:
    """What a person reads, without the sidebar."""
    assert response.status_code == 200
    page = response.content.decode().split('<main class="c-page">')[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def table_rows(response: Any) -> int:
    page = response.content.decode().split('<main class="c-page">')[1]
    return len(re.findall(r"<tr", page.split("<tbody>")[1].split("</tbody>")[0])) if "<tbody>" in page else 0


def links(response: Any, pattern: str) -> list[str]:
    found = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+)"', response.content.decode())]
    return [link for link in found if re.search(pattern, link)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_figures_each_page_says_what_to_do(http: Client, address: str) -> None:
    assert "No figures yet" in text(http.get(address))


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_page_needs_a_login_and_a_role_and_shows_no_other_tenants_rows(
    filled: Organisation, http: Client, address: str
) -> None:
    assert "octo/portal" in text(http.get(address))
    assert Client().get(address).status_code == 302
    assert login(name="nobody").get(address).status_code in (302, 403)
    other = create_tenant("other", "Other", actor_name="test")
    assert "octo/portal" not in text(login("platform_admin", tenant=other, name="stranger").get(address))


def test_the_wall_says_what_is_red_since_when_and_whom_to_ask(filled: Organisation, http: Client) -> None:
    shown = text(http.get("/devops/"))
    assert "Workflows red 1 of 1" in shown
    assert re.search(r"Red CI 26 d · ada · 2 runs", shown)
    assert "octo/portal #" in shown  # the open incident
    assert "Specifications that comply 0 of 1" in shown


def test_figures_that_nobody_moves_on_are_called_stale(filled: Organisation, http: Client, settings: Any) -> None:
    settings.IPAI_NOW = at("03-01") + timedelta(hours=23)
    assert "no worker has moved them on" not in text(http.get("/devops/"))
    settings.IPAI_NOW = at("03-01") + timedelta(hours=25)
    assert "no worker has moved them on" in text(http.get("/devops/"))


def test_repositories_that_nobody_reads_or_that_failed_are_named(filled: Organisation, http: Client, settings: Any) -> None:
    assert "Not read since" not in text(http.get("/devops/"))
    settings.IPAI_NOW = at("03-03")
    refresh_all()
    shown = text(http.get("/devops/dora/"))
    assert "Not read since: octo/portal 1 Mar 2026 00:00" in shown
    assert "no worker has moved them on" not in shown
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ipai_bronze_devops.commits SET author_date = 'infinity', _loaded_at = clock_timestamp()")
    settings.IPAI_NOW = at("03-04")
    refresh_all()
    assert "could not be made again and stay as they were: octo/portal as of 3 Mar 2026 00:00 (DataError)" in text(
        http.get("/devops/")
    )


def test_each_number_of_a_workflow_opens_exactly_the_rows_it_counts(org: Organisation, http: Client) -> None:
    ci = org.workflow("CI")
    outcomes = ("success", "success", "failure", "timed_out", "cancelled", "skipped", None)
    for day, conclusion in enumerate(outcomes, 1):
        org.run(ci, conclusion, f"02-0{day}", queue=4, display_title=f"Push of {day}", run_attempt=2 if day == 3 else 1)
    org.run(ci, "failure", "02-09", head_sha="same")
    org.run(ci, "success", "02-10", head_sha="same")
    org.run(ci, "success", "01-31")
    org.refresh()
    overview = http.get("/devops/ci/")
    (workflow,) = links(overview, r"^\?connector=[0-9a-f-]+&workflow_id=\d+$")
    page = http.get(f"/devops/ci/{workflow}")
    assert "2026-02 9 42.9%" in text(page)  # 3 of 7: cancelled and unfinished ones do not count
    expected = {"": 9, "&show=counted": 7, "&show=ran": 6, "&show=reruns": 1, "&show=flaky": 1}
    for show, number in expected.items():
        (address,) = set(links(page, rf"period=2026-02{show}$"))
        assert table_rows(http.get(address)) == number, show
    shown = text(http.get(f"/devops/runs/{workflow}&period=2026-02&show=bad"))
    assert "All 9 In the success rate 7 Did not succeed 4 With a duration 6 Run again 1 Flaky commits 1" in shown
    assert "Push of 4" in shown
    assert "Push of 5" not in shown
    assert 'id="rates"' in page.content.decode()


def test_all_workflows_together_by_week_come_first(org: Organisation, http: Client) -> None:
    org.run(org.workflow("CI"), "success", "02-23", 100)
    org.repository_id = org.repository("octo/other")
    build = org.workflow("Build")
    for day, seconds in ((24, 300), (25, 200), (26, 900)):
        org.run(build, "failure" if day == 25 else "success", f"02-{day}", seconds)
    org.run(build, "cancelled", "02-20", 5)
    org.refresh()
    page = http.get("/devops/ci/")
    assert "All repositories by week" in text(page)
    assert "2026-W09 4 75.0% 3 min 20 s 15 min" in text(page)  # of 100, 200, 300 and 900 s
    assert "2026-W08 1 - - -" in text(page)
    (counted,) = links(page, "period=2026-W09&show=counted$")
    assert table_rows(http.get(counted)) == 4
    other = http.get("/devops/ci/?repository=octo/other")
    assert "2026-W09 3 66.7%" in text(other)
    (counted,) = links(other, "period=2026-W09&show=counted$")
    assert table_rows(http.get(counted)) == 3


def test_the_five_metrics_of_all_repositories_together(org: Organisation, http: Client) -> None:
    for name in ("octo/portal", "octo/other"):
        first = name == "octo/portal"
        org.repository_id = org.repository_id if first else org.repository(name)
        org.commit(f"root of {name}", "01-01")
        org.commit(f"a of {name}", "02-01", f"root of {name}")
        done = org.deploy(f"a of {name}", ("success", "02-02" if first else "02-09"))
        if first:
            org.incident(f"deployment {done}", "02-02", "02-03")
            org.deploy(f"a of {name}", ("success", "02-04"))
    org.refresh()
    page = http.get("/devops/dora/")
    shown = text(page)
    assert "All repositories · the whole window" in shown
    assert "3 successful of 3 production deployments over 59 days" in shown
    assert re.search(r"Change lead time 1 d High|Change lead time 1 d Elite", shown)  # of 1 and 8 days the nearest rank
    assert "Change fail rate 33.3% Low" in shown
    assert "Failed deployment recovery 1 d High" in shown
    (deployments,) = set(links(page, r"deployments/\?month=2026-02$"))
    assert table_rows(http.get(deployments)) == 3
    (failed,) = set(links(page, r"deployments/\?month=2026-02&failed=true$"))
    assert table_rows(http.get(failed)) == 1
    (whole,) = set(links(page, r"deployments/\?shipped=true&range=all$"))
    assert table_rows(http.get(whole)) == 3
    assert "octo/other · the whole window" in text(http.get("/devops/dora/?repository=octo/other"))


def test_numbers_of_dora_lead_to_as_many_rows(filled: Organisation, http: Client) -> None:
    page = http.get("/devops/dora/?repository=octo/portal")
    shown = text(page)
    assert "3 successful of 4 production deployments over 59 days" in shown
    assert "2026-02 2" in shown
    (deployments,) = set(links(page, r"deployments/\?repository=octo%2Fportal&connector=[0-9a-f-]+&month=2026-02$"))
    assert table_rows(http.get(deployments)) == 2
    assert table_rows(http.get(f"{deployments}&failed=true")) == 1
    (changes,) = links(page, r"changes/\?repository=octo%2Fportal&connector=[0-9a-f-]+&month=2026-01$")
    assert table_rows(http.get(changes)) == 1
    (excluded,) = links(page, "metric=change_fail_rate&kind=excluded")
    assert "names no deployment" in text(http.get(excluded))
    assert table_rows(http.get(excluded)) == 1


def test_the_timeline_zooms_and_marks_what_became_of_each(filled: Organisation, http: Client) -> None:
    month = http.get("/devops/deployments/?range=30d").content.decode()
    marks = re.findall(r'<a class="d-mark d-(\w+)"', month)
    assert sorted(marks) == ["broken", "failed", "repair", "success"]
    assert month.count('class="d-band" style') == 2
    week = http.get("/devops/deployments/?from=2026-02-09T00:00:00Z&until=2026-02-11T00:00:00Z").content.decode()
    assert sorted(re.findall(r'<a class="d-mark d-(\w+)"', week)) == ["failed", "repair"]
    assert re.findall(r'd-failed" [^>]*style="left:([\d.]+)%', week) == ["50.000"]
    assert "No deployment here" in text(http.get("/devops/deployments/?environment=nowhere"))


def test_a_bundle_says_exactly_what_it_lacks(filled: Organisation, http: Client) -> None:
    shown = text(http.get("/devops/specs/?compliant=false"))
    for problem in ("missing: spec/portal/constitution.md", "placeholder: spec/portal/prd.md", "missing: spec/portal/tasks.md"):
        assert problem in shown
    assert table_rows(http.get("/devops/specs/?compliant=true")) == 0


MADE_UP = (
    *("range=forever", "until=soon", "until=0001-01-01", "from=2026-03-01&until=2026-01-01", "month=13", "workflow_id=x"),
    *("workflow_id=99999999999999999999", "period=never", "repository=%27%3B--"),
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_that_somebody_made_up_do_no_harm(filled: Organisation, http: Client, address: str) -> None:
    assert [query for query in MADE_UP if http.get(f"{address}?{query}").status_code != 200] == []


BAD = ("javascript:alert(document.domain)//", "data:text/html,<script>1</script>", "https://user:secret@evil.test/")


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_address_of_the_web_is_never_a_link(filled: Organisation, http: Client, bad: str) -> None:
    """Whoever answers as the vendor may write anything into ``html_url``."""
    filled.insert("repositories", id=filled.repository_id, full_name="octo/portal", default_branch="main", html_url=bad)
    with connection.cursor() as cursor:
        for table in ("workflow_runs", "issues", "commits"):
            cursor.execute(f"UPDATE ipai_bronze_devops.{table} SET html_url = %s", [bad])
    filled.refresh(full=True)
    pages = [http.get(f"{address}?range=90d").content.decode() for address in ADDRESSES]
    pages.append(http.get("/devops/runs/?show=flaky").content.decode())
    for page in pages:
        assert bad[:13] not in page
    with governed(Claims("agent", "default", ("operator",))) as cursor:
        for listing in (value for value in vars(queries).values() if isinstance(value, queries.Listing)):
            for row in listing.rows(cursor):
                assert {row.get(name) for name in queries.ADDRESSES} == {None}, listing.table


def test_repositories_of_one_name_of_two_connectors_never_mix(org: Organisation, tenant: Tenant, http: Client) -> None:
    twin = Organisation(tenant.pk)
    twin.next_id = 1000  # the same numbers at another server
    for one, deployments in ((org, 1), (twin, 2)):
        one.commit("root", "01-01")
        one.commit("a", "02-01", "root")
        for day in range(deployments):
            one.deploy("a", ("success", f"02-0{day + 2}"))
        one.incident("No link", "02-03")
        ci = one.workflow("CI")
        for _ in range(3 * deployments):
            one.run(ci, "success", "02-24")
        one.refresh()
    for one, deployments in ((org, 1), (twin, 2)):
        of = f"repository=octo/portal@{one.connector_id}"
        page = http.get(f"/devops/dora/?{of}")
        assert f"{deployments} successful of {deployments} production deployments" in text(page)
        assert len(re.findall(r"2026-02 \d", text(page))) == 1
        (excluded,) = links(page, "metric=change_fail_rate&kind=excluded")
        assert table_rows(http.get(excluded)) == 1
        (behind,) = set(links(page, rf"connector={one.connector_id}&month=2026-02$")) & set(links(page, "deployments/"))
        assert table_rows(http.get(behind)) == deployments
        weeks = http.get(f"/devops/ci/?{of}")
        assert f"2026-W09 {3 * deployments} " in text(weeks)
        (workflow,) = links(weeks, rf"connector={one.connector_id}&workflow_id=\d+$")[:1]
        assert f"2026-02 {3 * deployments} " in text(http.get(f"/devops/ci/{workflow}"))
        assert f'value="octo/portal@{one.connector_id}" selected' in page.content.decode()
