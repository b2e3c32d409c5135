"""GitHub's objects as rows, and the tables that migrations made for them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.engine.types import short
from connectors.sources.github import records
from connectors.sources.github.tables import ISSUES, TABLES, Table

META = {"_connector_id", "_tenant_id", "_run_id", "_loaded_at", "_deleted_at", "_raw"}
USER = {"login": "ada", "id": 1}
ROWS = {
    "repositories": records.repository({"id": 1, "owner": USER, "created_at": 1_700_000_000, "pushed_at": "2026-01-01T00:00:00Z"}),
    "issues": records.issue({"id": 1, "labels": [{"name": "incident"}], "assignees": [USER], "milestone": {"number": 3}}, 7),
    "pull_requests": records.pull_request({"id": 1, "head": {"ref": "x", "sha": "a", "repo": None}, "base": {"sha": "b"}}, 7),
    "pull_request_commits": records.pull_request_commit({"sha": "a", "parents": [{"sha": "b"}]}, 7, 12, 1),
    "reviews": records.review({"id": 1, "state": "approved", "user": None}, 7, 12),
    "workflows": records.workflow({"id": 1}, 7),
    "workflow_runs": records.workflow_run({"id": 1, "status": "in_progress", "actor": USER}, 7),
    "workflow_run_attempts": records.workflow_run_attempt({"id": 1, "run_attempt": 2, "status": "completed"}, 7),
    "workflow_jobs": records.workflow_job({"id": 1, "run_id": 2, "labels": ["ubuntu"]}, 7),
    "deployments": records.deployment({"id": 1, "payload": '{"kind": "rollback"}', "creator": USER}, 7),
    "deployment_statuses": records.deployment_status({"id": 1, "state": "success"}, 7, 9),
    "commits": records.commit({"sha": "a", "commit": {"message": "x", "author": {"date": "2026-01-01T00:00:00Z"}}}, 7),
    "releases": records.release({"id": 1, "author": USER}, 7),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_database_has_the_columns_that_the_source_brings(table: Table, rows: Any, db: None) -> None:
    found = rows(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table.target],
    )
    assert {name: short(kind) for name, kind in found if name not in META} == dict(table.columns)
    assert {name for name, _ in found} >= META
    ((key,),) = rows(
        "SELECT array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum)) FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY (indkey::int2[]) WHERE indrelid = %s::regclass AND indisprimary",
        [table.target],
    )
    assert tuple(key) == ("_connector_id", *table.key)
    assert set(table.version) <= table.columns.keys()


@pytest.mark.parametrize("name", ROWS)
def test_every_record_has_every_column(name: str) -> None:
    assert ROWS[name].keys() == TABLES[name].columns.keys()
    batch = TABLES[name].batch([ROWS[name]], ["{}"])
    assert batch.num_rows == 1


def test_what_is_nested_at_github_is_flat_here() -> None:
    assert ROWS["issues"]["labels"] == ["incident"]
    assert (ROWS["issues"]["assignees"], ROWS["issues"]["milestone_number"]) == (["ada"], 3)
    assert ROWS["reviews"]["state"] == "APPROVED"
    assert ROWS["workflow_runs"]["run_attempt"] == 1
    assert ROWS["repositories"]["created_at"] == "2023-11-14T22:13:20+00:00"
    assert ROWS["pull_request_commits"]["parents"] == ["b"]
    assert TABLES["deployments"].batch([ROWS["deployments"]], ["{}"]).column("payload").to_pylist() == [
        '"{\\"kind\\": \\"rollback\\"}"'
    ]


def test_a_character_that_postgres_cannot_hold_is_replaced() -> None:
    row = records.issue({"id": 1, "title": "a\x00b", "labels": [{"name": "x\x00"}]}, 7)
    batch = ISSUES.batch([row], ['{"title": "a\\u0000b"}'])
    assert batch.column("title").to_pylist() == ["a\ufffdb"]
    assert batch.column("labels").to_pylist() == ['["x\\ufffd"]']
    assert batch.column("_raw").to_pylist() == ['{"title": "a\\ufffdb"}']
