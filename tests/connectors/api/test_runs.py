"""Runs, lists, filters and pages."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.models import ConnectorRun, RejectedRecord, Status

pytestmark = pytest.mark.django_db


def test_a_run_in_the_contracts_shape(api: Any, run: ConnectorRun) -> None:
    body = api.get(f"connector-runs/{run.pk}/").json()
    assert {"run_id", "connector", "mode", "status", "seconds", "streams", "proof"} <= set(body)
    (stream,) = body["streams"]
    wanted = {"stream": "orders", "read": 3, "written": 2, "updated": 0, "unchanged": 0, "deleted": 0, "rejected": 1}
    assert wanted.items() <= stream.items()


def test_rejected_and_log(api: Any, run: ConnectorRun) -> None:
    (record,) = api.get(f"connector-runs/{run.pk}/rejected/").json()["results"]
    assert (record["place"], record["raw"]) == ("orders.csv:4", "3,x,y")
    lines = api.get(f"connector-runs/{run.pk}/log/").json()["results"]
    assert [line["message"] for line in lines] == ["line 0", "line 1", "line 2"]
    assert len(api.get(f"connector-runs/{run.pk}/log/?level=error").json()["results"]) == 1
    assert api.get(f"connector-runs/{run.pk}/log/?level=loud").status_code == 400


def test_cancel_and_retry(api: Any, run: ConnectorRun) -> None:
    assert api.post(f"connector-runs/{run.pk}/cancel/").status_code == 409
    again = api.post(f"connector-runs/{run.pk}/retry/")
    assert again.status_code == 202
    new = again.json()["run_id"]
    assert again["Location"].endswith(f"/{new}/")
    assert api.post(f"connector-runs/{new}/retry/").status_code == 409
    assert api.post(f"connector-runs/{new}/cancel/").json()["status"] == "cancelled"


@pytest.fixture
def history(run: ConnectorRun) -> list[str]:
    """25 ended runs, some at the very same time, newest first."""
    for number in range(24):
        ConnectorRun.objects.create(
            connector=run.connector,
            status=Status.FAILED if number % 3 else Status.SUCCESS,
            trigger="schedule" if number % 2 else "manual",
            queued_at=run.queued_at,
        )
    return [str(key) for key in ConnectorRun.objects.order_by("-queued_at", "-id").values_list("pk", flat=True)]


@pytest.mark.parametrize("order", ["", "&ordering=queued_at", "&ordering=-queued_at"])
def test_pages_hold_everything_once(api: Any, history: list[str], order: str) -> None:
    address, seen = f"connector-runs/?limit=4{order}", []
    while address:
        body = api.get(address).json()
        assert set(body) == {"next", "previous", "results"}
        seen += [run["run_id"] for run in body["results"]]
        address = body["next"] and body["next"].partition("/api/v1/")[2]
    assert sorted(seen) == sorted(history)
    assert seen == (history if order != "&ordering=queued_at" else history[::-1])


def test_pages_go_back(api: Any, history: list[str]) -> None:
    first = api.get("connector-runs/?limit=10").json()
    assert first["previous"] is None
    second = first["next"].partition("/api/v1/")[2]
    back = api.get(second).json()["previous"].partition("/api/v1/")[2]
    assert [run["run_id"] for run in api.get(back).json()["results"]] == history[:10]


def test_filters(api: Any, history: list[str], run: ConnectorRun) -> None:
    def count(query: str) -> int:
        return len(api.get(f"connector-runs/?limit=200&{query}").json()["results"])

    assert count("status=failed") == 16
    assert count("status=failed&status=success") == 25
    assert count("trigger=schedule") == 12
    assert count("connector=orders") == count(f"connector={run.connector_id}") == 25
    assert count("connector=nothing") == 0
    moment = run.queued_at.isoformat().replace("+", "%2B")
    assert count(f"queued_before={moment}") == 0
    assert count(f"queued_after={moment}") == 25
    assert count("queued_after=7752-06-04T06:18:29%2B19:09") == 0  # an offset that PostgreSQL would refuse


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("format=xml", "format"),
        ("ordering=colour", "ordering"),
        ("ordering=connector__config", "ordering"),
        ("status=lost", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=%D9%A3", "limit"),
        ("cursor=xyz", "cursor"),
        ("cursor=WzAsICJhIiwgImIiXQ", "cursor"),  # [0, "a", "b"]
        ("cursor=WzAsIDEsIDJd", "cursor"),  # [0, 1, 2]
        ("cursor=e30", "cursor"),  # {}
        ("cursor=MQ", "cursor"),  # 1
        ("cursor=%ff", "cursor"),
        ("queued_after=yesterday", "queued_after"),
        ("queued_after=0001-01-01T00:00:00%2B10:00", "queued_after"),
        ("connector=%00", "connector"),
    ],
)
def test_what_a_list_does_not_know_is_an_error(api: Any, run: ConnectorRun, query: str, field: str) -> None:
    response = api.get(f"connector-runs/?{query}")
    assert response.status_code == 400
    assert field in {error["field"] for error in response.json()["errors"]}


def test_queries_do_not_grow_with_the_list(api: Any, history: list[str], django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(6):
        assert len(api.get("connector-runs/?limit=200").json()["results"]) == 25


def test_many_rejected_records_page(api: Any, run: ConnectorRun) -> None:
    RejectedRecord.objects.bulk_create(RejectedRecord(run=run, stream="orders", place=str(n), reason="r") for n in range(300))
    first = api.get(f"connector-runs/{run.pk}/rejected/?limit=200").json()
    assert len(first["results"]) == 200
    assert len(api.get(first["next"].partition("/api/v1/")[2]).json()["results"]) == 101
