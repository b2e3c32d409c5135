"""What a refresh makes again, and that nothing of another connector or tenant gets in."""

from __future__ import annotations

import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from devops import queries
from devops.gold.refresh import refresh_all
from ipai.access.models import Role, Tenant
from ipai.access.sessions import Claims, governed
from ipai.lakehouse.audit import run_audit
from ipai.toolkit import Load, loaded
from tests.devops.organisation import Organisation, at


def fill(org: Organisation) -> None:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.deploy("a", ("success", "01-03"))
    org.run(org.workflow("CI"), "success", "01-03", queue=5)
    org.insert("spec_files", repository_id=org.repository_id, path="spec/portal/prd.md", content="# PRD\n")


def everything(org: Organisation) -> dict[str, Any]:
    tables = ("ci_runs", "ci_metrics", "ci_status", "deployment_timeline", "changes", "dora", "spec_compliance", "ci_flaky_groups")
    hidden = {"_connector_id", "_tenant_id"}
    return {
        table: sorted(str({name: value for name, value in row.items() if name not in hidden}) for row in org.gold(table))
        for table in tables
    }


@pytest.mark.django_db(transaction=True)
def test_only_the_parts_whose_rows_changed_are_made_again(org: Organisation) -> None:
    fill(org)
    other = org.repository("octo/other")
    wait_for_horizon()
    assert sorted(org.refresh().parts) == sorted(
        f"octo/{name}/{part}" for name in ("portal", "other") for part in ("ci", "delivery", "specs")
    )
    assert org.refresh().parts == []
    org.insert("spec_files", repository_id=other, path="spec/portal/prd.md", content="# PRD\n")
    wait_for_horizon()
    assert org.refresh().parts == ["octo/other/specs"]
    org.insert("repositories", id=other, full_name="octo/renamed", default_branch="main", html_url=None)
    assert sorted(org.refresh().parts) == [f"octo/renamed/{part}" for part in ("ci", "delivery", "specs")]
    assert [row["repository"] for row in org.gold("spec_compliance", order="repository")] == ["octo/portal", "octo/renamed"]


def wait_for_horizon() -> None:
    """Rows of the tenth of a second before a refresh are looked at once more by the next."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.15)")


@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_committed_late_is_seen(org: Organisation) -> None:
    """A transaction that began before a refresh and commits after it carries the earlier instant."""
    import psycopg

    fill(org)
    with psycopg.connect(**connection.get_connection_params() | {"autocommit": False, "cursor_factory": None}) as late:
        late.execute(
            "INSERT INTO ipai_bronze_devops.spec_files (_connector_id, _tenant_id, _run_id, repository_id, path, content)"
            " VALUES (%s, %s, %s, %s, 'spec/late/prd.md', '# PRD')",
            [org.connector_id, org.tenant_id, uuid.uuid4(), org.repository_id],
        )
        wait_for_horizon()
        org.refresh()
        org.insert("spec_files", repository_id=org.repository_id, path="spec/portal/plan.md", content="# Plan\n")
        wait_for_horizon()
        org.refresh()
        late.commit()
    org.refresh()
    assert [row["bundle"] for row in org.gold("spec_compliance", order="bundle")] == ["spec/late", "spec/portal"]


def test_a_refresh_of_changes_equals_one_of_everything(org: Organisation) -> None:
    fill(org)
    org.refresh()
    ci = org.workflow("Lint")
    for day in range(1, 9):
        run = org.run(ci, "success", f"02-0{day}", run_attempt=2, head_sha="same", queue=day)
        org.earlier_attempt(run, 1, "failure")
        org.refresh()
    org.run(ci, "failure", "02-08", id=run, run_attempt=3, head_sha="other")
    org.commit("b", "02-01", "a")
    org.deploy("b", ("success", "02-09"), payload={"kind": "hotfix"})
    org.refresh()
    changed = everything(org)
    org.refresh(full=True)
    assert everything(org) == changed
    refresh_all(full=True)
    assert everything(org) == changed


def test_connectors_with_the_same_ids_do_not_mix(org: Organisation, tenant: Any) -> None:
    fill(org)
    org.refresh()
    before = everything(org)
    twin = Organisation(tenant.pk)
    twin.next_id = 5000
    twin.repository_id = twin.repository("octo/twin", org.repository_id)
    with connection.cursor() as cursor:
        for table in ("workflows", "workflow_runs", "workflow_jobs", "deployments", "deployment_statuses", "commits"):
            cursor.execute(
                f"""CREATE TEMP TABLE copied ON COMMIT DROP AS
                    SELECT * FROM ipai_bronze_devops.{table} WHERE _connector_id = %(from)s;
                UPDATE copied SET _connector_id = %(to)s;
                INSERT INTO ipai_bronze_devops.{table} SELECT * FROM copied; DROP TABLE copied""",
                {"from": org.connector_id, "to": twin.connector_id},
            )
    twin.deploy("a", ("success", "01-20"))
    twin.refresh()
    org.refresh()
    assert everything(org) == before
    assert twin.dora()["deployments"] == 2


def test_an_operator_reads_the_figures_of_the_own_tenant_only(org: Organisation) -> None:
    fill(org)
    other = Organisation(Tenant.objects.create(slug="other", name="Other").pk)
    fill(other)
    org.refresh()
    other.refresh()
    listings = [value for value in vars(queries).values() if isinstance(value, queries.Listing)]
    assert len(listings) > 10
    for slug, mine in (("default", org), ("other", other)):
        with governed(Claims("someone", slug, (Role.OPERATOR.value,))) as cursor:
            for listing in listings:
                assert {row["connector_id"] for row in listing.rows(cursor)} <= {mine.connector_id}
            assert [row["deployments"] for row in queries.DORA_ALL.rows(cursor)] == [1]
            assert (queries.newest_refresh(cursor) or {})["repositories"] == 1
    with governed(Claims("someone", "default", ())) as cursor:
        assert queries.DORA.rows(cursor) == []
        assert queries.newest_refresh(cursor) is None


def test_the_gold_tables_pass_the_audit(org: Organisation) -> None:
    fill(org)
    org.refresh()
    assert [finding for finding in run_audit().findings if "devops" in finding.object] == []


def test_now_moves_on_without_new_rows(org: Organisation, settings: Any) -> None:
    fill(org)
    org.refresh()
    assert float(org.dora("2026-01")["days"]) == 31
    settings.IPAI_NOW = at("04-01")
    org.refresh()
    assert float(org.dora()["days"]) == 90
    assert org.dora("2026-03")["deployments"] == 0


def break_commits(org: Organisation) -> None:
    """An instant that Python does not have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ipai_bronze_devops.commits SET author_date = 'infinity' WHERE _connector_id = %s AND repository_id = %s",
            [org.connector_id, org.repository_id],
        )


def test_what_fails_for_one_repository_stops_no_other(org: Organisation, tenant: Any) -> None:
    fill(org)
    org.refresh()
    broken, org.repository_id = org.repository_id, org.repository("octo/after")
    org.commit("z", "01-01")
    other = Organisation(Tenant.objects.create(slug="other", name="Other").pk, uuid.UUID(int=2**128 - 1))
    fill(other)
    org.repository_id = broken
    break_commits(org)
    before = org.gold("changes", where=f"repository_id = {broken}")
    with pytest.raises(SystemExit) as exit_code:
        call_command("refreshdevops", "--full", stdout=StringIO())
    assert exit_code.value.code == 1
    assert [row["repository"] for row in org.gold("repositories", where="failure IS NULL")] == ["octo/after"]
    (kept,) = org.gold("repositories", where="failure IS NOT NULL")
    assert (kept["repository"], kept["failure"]) == ("octo/portal", "DataError")
    assert org.gold("changes", where=f"repository_id = {broken}") == before
    assert other.dora()["deployments"] == 1
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ipai_bronze_devops.commits SET author_date = '2026-01-02'")
    org.refresh()
    assert org.gold("repositories", where="failure IS NOT NULL") == []


def test_a_deployment_that_another_repository_had_moves(org: Organisation) -> None:
    fill(org)
    org.refresh()
    with connection.cursor() as cursor:
        other = org.repository("octo/other")
        cursor.execute("UPDATE ipai_bronze_devops.deployments SET repository_id = %s, _loaded_at = clock_timestamp()", [other])
    org.refresh()
    assert [row["repository"] for row in org.gold("deployment_timeline")] == ["octo/other"]
    org.refresh()
    assert org.gold("dora", where="repository = 'octo/portal' AND period = 'all'")[0]["deployments"] == 0


def test_the_clock_moves_figures_on_and_only_a_run_makes_them_read(org: Organisation, settings: Any) -> None:
    fill(org)
    org.refresh()
    settings.IPAI_NOW = at("03-03")
    refresh_all()
    assert {(row["as_of"], row["read_at"]) for row in org.gold("repositories")} == {(at("03-03"), at("03-01"))}
    loaded(Load("ipai_bronze_devops", org.tenant_id, org.connector_id, was_read=True))
    assert {row["read_at"] for row in org.gold("repositories")} == {at("03-03")}
