"""The bronze tables of the GitHub connector: columns, keys and what orders the states of a record.

The tables themselves are made by the migration ``0007_bronze_devops`` of ``ipai.lakehouse``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from connectors.contract import KIND, RAW

Row = dict[str, Any]
"""One row: every column of its table; ISO 8601 text for timestamps, JSON values for jsonb."""

SCHEMA = "ipai_bronze_devops"
_ARROW = {"bigint": pa.int64(), "boolean": pa.bool_()}
_STAMP = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Table:
    """One bronze table. ``columns`` are its data columns with their Postgres types, ``endpoint`` is what of a repository it holds
    in GitHub's words."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...] = ("id",)
    version: tuple[str, ...] = ()
    """Columns that order the states of one record, see :attr:`connectors.contract.Stream.version`."""
    keep_raw: bool = True
    endpoint: str = ""
    target: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", f"{SCHEMA}.{self.name}")

    def key_of(self, row: Row) -> Any:
        """The key of a row as the engine names it: the bare value of one column, else a tuple."""
        return row[self.key[0]] if len(self.key) == 1 else tuple(row[name] for name in self.key)

    def batch(self, rows: Sequence[Row], raws: Sequence[str] = ()) -> pa.RecordBatch:
        """The rows as one Arrow batch; ``raws`` are the same records as GitHub sent them, last column ``_raw``."""
        fields, arrays = [], []
        for name, kind in self.columns.items():
            column, values = _column(name, kind, [row[name] for row in rows])
            fields.append(column)
            arrays.append(values)
        if self.keep_raw:
            fields.append(pa.field("_raw", pa.string(), metadata=RAW))
            arrays.append(pa.array([without_nul(raw) for raw in raws], pa.string()))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def without_nul(raw: str) -> str:
    """JSON text that jsonb can hold: the character U+0000 becomes U+FFFD."""
    return raw.replace("\\u0000", "\\ufffd") if "\\u0000" in raw else raw


def _column(name: str, kind: str, values: list[Any]) -> tuple[pa.Field, pa.Array]:
    if kind in _ARROW:
        return pa.field(name, _ARROW[kind]), pa.array(values, _ARROW[kind])
    if kind == "timestamptz":
        return pa.field(name, _STAMP), pa.array(values, pa.string()).cast(_STAMP)
    if kind == "jsonb":
        texts = [None if value is None else without_nul(msgspec.json.encode(value).decode()) for value in values]
        return pa.field(name, pa.string(), metadata={KIND: b"json"}), pa.array(texts, pa.string())
    texts = [value.replace("\x00", "\ufffd") if value and "\x00" in value else value for value in values]
    return pa.field(name, pa.string(), metadata={KIND: b"string"}), pa.array(texts, pa.string())


def _table(name: str, *groups: str, **more: Any) -> Table:
    """A table of columns given as ``"type: name name ..."``."""
    columns: dict[str, str] = {}
    for group in groups:
        kind, _, names = group.partition(":")
        columns |= dict.fromkeys(names.split(), kind)
    return Table(name, columns, **more)


_RUN = (
    "bigint: repository_id workflow_id head_repository_id status_order run_number",
    "text: name display_title path head_branch head_sha event status conclusion actor_login triggering_actor_login html_url",
    "timestamptz: created_at run_started_at updated_at",
)
_COMMIT = (
    "text: message author_name author_login committer_login html_url",
    "timestamptz: author_date committer_date",
    "jsonb: parents",
)

REPOSITORIES = _table(
    "repositories",
    "bigint: id size stargazers_count open_issues_count",
    "text: name full_name owner_login description visibility default_branch language html_url",
    "boolean: private fork archived disabled has_issues",
    "jsonb: topics",
    "timestamptz: created_at updated_at pushed_at",
    version=("updated_at", "pushed_at"),
    endpoint="repos",
)
ISSUES = _table(
    "issues",
    "bigint: id repository_id number milestone_number comments",
    "text: title body state state_reason user_login closed_by_login author_association html_url",
    "jsonb: labels assignees",
    "boolean: locked",
    "timestamptz: created_at updated_at closed_at",
    version=("updated_at",),
    endpoint="issues",
)
PULL_REQUESTS = _table(
    "pull_requests",
    "bigint: id repository_id number milestone_number head_repository_id",
    "text: title body state user_login author_association head_ref head_sha base_ref base_sha merge_commit_sha html_url",
    "boolean: draft locked",
    "jsonb: labels assignees requested_reviewers",
    "timestamptz: merged_at created_at updated_at closed_at",
    version=("updated_at",),
    endpoint="pulls",
)
PULL_REQUEST_COMMITS = _table(
    "pull_request_commits",
    "bigint: repository_id pull_request_number",
    "text: sha",
    "bigint: position",
    *_COMMIT,
    key=("repository_id", "pull_request_number", "sha"),
    endpoint="pulls/commits",
)
REVIEWS = _table(
    "reviews",
    "bigint: id repository_id pull_request_number",
    "text: user_login state body commit_id author_association html_url",
    "timestamptz: submitted_at",
    version=("submitted_at",),
    endpoint="pulls/reviews",
)
WORKFLOWS = _table(
    "workflows",
    "bigint: id repository_id",
    "text: name path state html_url",
    "timestamptz: created_at updated_at",
    version=("updated_at",),
    endpoint="actions/workflows",
)
WORKFLOW_RUNS = _table(
    "workflow_runs", "bigint: id run_attempt", *_RUN, version=("run_attempt", "updated_at", "status_order"), endpoint="actions/runs"
)
WORKFLOW_RUN_ATTEMPTS = _table(
    "workflow_run_attempts",
    "bigint: run_id run_attempt",
    *_RUN,
    key=("run_id", "run_attempt"),
    version=("updated_at", "status_order"),
    endpoint="actions/runs/attempts",
)
WORKFLOW_JOBS = _table(
    "workflow_jobs",
    "bigint: id repository_id run_id run_attempt status_order runner_id",
    "text: workflow_name name head_branch head_sha status conclusion runner_name html_url",
    "jsonb: labels",
    "timestamptz: created_at started_at completed_at",
    version=("status_order",),
    endpoint="actions/runs/jobs",
)
DEPLOYMENTS = _table(
    "deployments",
    "bigint: id repository_id",
    "text: sha ref task environment original_environment description creator_login",
    "jsonb: payload",
    "boolean: transient_environment production_environment",
    "timestamptz: created_at updated_at",
    version=("updated_at",),
    endpoint="deployments",
)
DEPLOYMENT_STATUSES = _table(
    "deployment_statuses",
    "bigint: id repository_id deployment_id",
    "text: state environment description creator_login environment_url log_url target_url",
    "timestamptz: created_at updated_at",
    version=("updated_at",),
    endpoint="deployments/statuses",
)
COMMITS = _table(
    "commits", "bigint: repository_id", "text: sha", *_COMMIT, "text: tree_sha", key=("repository_id", "sha"), endpoint="commits"
)
RELEASES = _table(
    "releases",
    "bigint: id repository_id",
    "text: tag_name name body target_commitish author_login html_url",
    "boolean: draft prerelease",
    "timestamptz: created_at published_at updated_at",
    version=("updated_at",),
    endpoint="releases",
)
SPEC_FILES = _table(
    "spec_files",
    "bigint: repository_id",
    "text: path sha ref content omitted",
    "bigint: size",
    key=("repository_id", "path"),
    keep_raw=False,
    endpoint="git/blobs",
)
REPOSITORY_TREES = _table(
    "repository_trees",
    "bigint: repository_id",
    "text: ref sha",
    "boolean: truncated",
    "jsonb: paths",
    key=("repository_id",),
    keep_raw=False,
    endpoint="git/trees",
)
TABLES: Mapping[str, Table] = {table.name: table for table in list(globals().values()) if isinstance(table, Table)}
"""Every table by name, which is the name of its stream too."""
