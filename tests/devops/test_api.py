"""The figures over HTTP: the contract's shapes, filters, paging and who may read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from ipai.access import services as access
from ipai.access.models import Role, Tenant
from ipai.access.sessions import Claims, governed
from ipai.toolkit import tools
from tests.devops.organisation import Organisation, at

LISTS = ("spec-compliance", "ci-metrics", "ci-status", "deployments", "dora", "dora/items")


@pytest.fixture
def get(tenant: Tenant) -> Any:
    """``get("dora?repository=octo/portal", role="operator")`` -> status and body."""
    http, tokens = Client(raise_request_exception=False), {}

    def call(address: str, role: str = "operator", of: Tenant = tenant) -> tuple[int, Any]:
        key = (role, of.slug)
        if key not in tokens:
            tokens[key] = access.create_token(tenant=of, name=role, roles=[role], actor_name="tester")[1]
        path = address if address.startswith("http") else f"/api/v1/devops/{address}"
        response = http.get(path, HTTP_AUTHORIZATION=f"Bearer {tokens[key]}")
        return response.status_code, response.json()

    return call


@pytest.fixture
def filled(org: Organisation) -> Organisation:
    org.commit("root", "01-01")
    org.commit("a", "01-02", "root")
    org.commit("b", "02-02", "a")
    org.deploy("a", ("success", "01-03"))
    bad = org.deploy("b", ("success", "02-03"))
    org.deploy("a", ("success", "02-03 01:00"))
    org.deploy("b", ("success", "02-04"), environment="staging")
    org.incident(f"deployment {bad}", "02-03", "02-03 02:00")
    ci = org.workflow("CI")
    for day, conclusion in ((1, "success"), (2, "failure"), (3, "failure")):
        org.run(ci, conclusion, f"02-0{day}", queue=4)
    org.run(ci, "success", "01-31")
    documents = {"prd": "# PRD\n\nTODO\n", "plan": "# Plan\nOne.\n", "tasks": "- [x] T001 Make src/a.py for FR-001\n- [ ] T002 B\n"}
    for name, text in documents.items():
        org.insert("spec_files", repository_id=org.repository_id, path=f"spec/portal/{name}.md", content=text)
    org.insert("repository_trees", repository_id=org.repository_id, paths=["README.md"])
    org.refresh()
    return org


def test_dora_is_in_the_contracts_shape(get: Any, filled: Organisation) -> None:
    status, body = get("dora?repository=octo/portal")
    assert status == 200
    assert "change_lead_time" in body["definitions"]
    assert [row["month"] for row in body["rows"]] == ["2026-01", "2026-02"]
    february = body["rows"][1]
    assert {name: february[name] for name in ("deployments", "failed", "rework", "recovered")} == {
        "deployments": 2,
        "failed": 1,
        "rework": 1,
        "recovered": 1,
    }
    assert february["deployment_frequency"] == pytest.approx(2 / 28)
    assert (february["change_lead_time_hours"], february["lead_time_coverage"]) == (24, 1)
    assert (february["change_fail_rate"], february["deployment_rework_rate"]) == (0.5, 0.5)
    assert february["failed_deployment_recovery_hours"] == 2
    assert february["levels"] == {
        "deployment_frequency": "medium",
        "change_lead_time_s": "elite",
        "change_fail_rate": "low",
        "failed_deployment_recovery_s": "high",
    }
    _, whole = get("dora?period=all")
    assert [(row["month"], row["deployments"]) for row in whole["rows"]] == [(None, 3)]


def test_ci_metrics_by_month_day_and_in_all(get: Any, filled: Organisation) -> None:
    _, body = get("ci-metrics")
    assert [(row["month"], row["workflow"], row["runs"], row["success_rate"]) for row in body["rows"]] == [
        ("2026-01", "CI", 1, 1),
        ("2026-02", "CI", 3, pytest.approx(1 / 3)),
    ]
    assert body["rows"][1]["queue_p50_s"] == 4
    assert [row["period"] for row in get("ci-metrics?period=day&from=2026-02&to=2026-02")[1]["rows"]] == [
        "2026-02-01",
        "2026-02-02",
        "2026-02-03",
    ]
    assert [row["runs"] for row in get("ci-metrics?period=all")[1]["rows"]] == [4]
    assert get("ci-metrics?workflow=Lint")[1]["rows"] == []
    assert [row["month"] for row in get("ci-metrics?to=2026-01-15")[1]["rows"]] == ["2026-01"]


def test_ci_status_says_how_long(get: Any, filled: Organisation) -> None:
    _, body = get("ci-status?state=red")
    (row,) = body["rows"]
    since = at("02-02 00:01")
    assert (row["state"], row["runs_in_state"], row["turned_by"]) == ("red", 2, "ada")
    assert row["age_s"] == (at("03-01") - since).total_seconds()
    assert get("ci-status?state=green")[1]["rows"] == []


def test_spec_compliance_says_what_is_missing(get: Any, filled: Organisation) -> None:
    (row,) = get("spec-compliance?compliant=false")[1]["rows"]
    assert row["problems"] == ["missing: spec/portal/constitution.md", "placeholder: spec/portal/prd.md"]
    assert (row["tasks_done"], row["tasks_total"]) == (1, 2)
    assert [missing["path"] for missing in row["missing_paths"]] == ["src/a.py"]
    assert get("spec-compliance?compliant=true")[1]["rows"] == []


def test_deployments_are_filtered_and_paged(get: Any, filled: Organisation) -> None:
    assert len(get("deployments")[1]["rows"]) == 4
    for query, number in (
        ("environment=staging", 1),
        ("environment=production&from=2026-02", 2),
        ("to=2026-01-31", 1),
        ("failed=true", 1),
        ("rework=true&production=true", 1),
        ("from=2026-02-03T00:30:00Z&to=2026-02-03T01:30:00Z", 1),
        ("repository=octo/none", 0),
    ):
        assert len(get(f"deployments?{query}")[1]["rows"]) == number, query
    seen, address = [], "deployments?limit=1"
    while address:
        _, body = get(address)
        seen += [row["deployment_id"] for row in body["rows"]]
        address = body["next"]
    assert seen == [row["deployment_id"] for row in get("deployments")[1]["rows"]]
    assert len(set(seen)) == 4


def test_what_a_metric_left_out_is_listed(get: Any, filled: Organisation) -> None:
    filled.incident("Upstream is down.", "02-10")
    filled.refresh()
    (row,) = get("dora/items?kind=excluded&metric=change_fail_rate")[1]["rows"]
    assert (row["item_type"], row["month"], row["reason"]) == (
        "incident",
        "2026-02",
        "names no deployment: none is blamed without a link",
    )


@pytest.mark.parametrize("list_name", LISTS)
def test_every_list_pages_to_the_same_rows(get: Any, filled: Organisation, list_name: str) -> None:
    whole = get(list_name)[1]["rows"]
    found, address = [], f"{list_name}?limit=1"
    while address:
        _, body = get(address)
        found += body["rows"]
        address = body["next"]
    assert found == whole


@pytest.mark.parametrize("list_name", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=many",
        "cursor=x",
        "cursor=W10",
        "cursor=WzEsMiwzXQ",
        "cursor=WyJhIiwiYiIsImMiLCJkIiwiZSIsImYiXQ",
        "cursor=WyJhIiwiYiIsImMiXQ",
        "other=1",
        "repository=a&repository=b",
        "repository=",
        "repository=%00",
        "tenant=other",
    ],
)
def test_bad_parameters_are_told(get: Any, filled: Organisation, list_name: str, query: str) -> None:
    status, body = get(f"{list_name}?{query}")
    if query.startswith("cursor") and status == 200:  # texts that fit the key of this list
        return
    assert status == (403 if query.startswith("tenant") else 400)
    assert body["detail"]


@pytest.mark.parametrize(
    "query",
    ["dora?from=January", "ci-metrics?period=week", "deployments?from=2026-02-30", "deployments?failed=1", "ci-status?state=blue"],
)
def test_values_that_no_filter_knows_are_told(get: Any, filled: Organisation, query: str) -> None:
    assert get(query)[0] == 400


@pytest.mark.parametrize("role", Role.values)
def test_every_role_that_reads_the_layer_gets_rows_and_no_other_tenant_does(get: Any, filled: Organisation, role: str) -> None:
    other = access.create_tenant("other", "Other", actor_name="tester")
    for name in LISTS:
        status, body = get(name, role=role)
        assert (status, bool(body["rows"])) == (200, True), name
        assert get(name, role=role, of=other) == (200, body | {"rows": [], "next": None})


def test_the_tools_say_the_same(get: Any, filled: Organisation) -> None:
    with governed(Claims("agent", "default", (Role.AI_ENGINEER.value,))) as cursor:
        answers = {name: tools()[name].call(cursor, {"repository": "octo/portal"}) for name in ("ci_status", "deployments")}
        months = tools()["dora"].call(cursor, {"first_month": "2026-02"})["rows"]
        assert [row["runs"] for row in tools()["ci_metrics"].call(cursor, {"limit": 1})] == [1]
        assert [row["compliant"] for row in tools()["spec_compliance"].call(cursor, {})] == [False]
    assert [row["month"] for row in months] == ["2026-02"]
    for name, rows in answers.items():
        listed = get(name.replace("_", "-"))[1]["rows"]
        assert json.loads(json.dumps(rows, default=str))[0]["repository"] == listed[0]["repository"]
        assert len(rows) == len(listed)


def test_days_are_not_widened_to_their_month(get: Any, filled: Organisation) -> None:
    def periods(query: str) -> list[str]:
        return [row["period"] for row in get(f"ci-metrics?{query}")[1]["rows"]]

    assert periods("period=day&from=2026-02-02&to=2026-02-02") == ["2026-02-02"]
    assert periods("period=day&from=2026-02") == ["2026-02-01", "2026-02-02", "2026-02-03"]
    assert periods("period=day&to=2026-01") == ["2026-01-31"]


def test_a_cursor_of_numbers_is_refused(get: Any, filled: Organisation) -> None:
    assert get("dora?cursor=WzEsMiwzXQ")[0] == 400


@pytest.mark.parametrize("list_name", LISTS)
def test_rows_name_their_connector_and_are_filtered_by_it(get: Any, filled: Organisation, list_name: str) -> None:
    whole = get(list_name)[1]["rows"]
    assert {row["connector_id"] for row in whole} == {str(filled.connector_id)}
    assert get(f"{list_name}?connector={filled.connector_id}")[1]["rows"] == whole
    assert get(f"{list_name}?connector=00000000-0000-0000-0000-000000000000")[1]["rows"] == []
    assert get(f"{list_name}?connector=portal")[0] == 400
