"""Compliance of Spec Kit bundles, by the rules of :mod:`devops.speckit`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from psycopg.types.json import Jsonb

from devops import speckit
from devops.gold import bronze
from devops.gold.bronze import Repository
from devops.gold.rows import clear, copy_rows, own


def build_specs(cursor: CursorWrapper, repository: Repository, since: datetime) -> None:
    """The Spec Kit bundles of the default branch."""
    found = speckit.bundles(bronze.stored_tree(cursor, repository))
    clear(cursor, "spec_compliance", repository)
    copy_rows(cursor, "spec_compliance", BUNDLE, (_bundle(repository, bundle) for bundle in found))


BUNDLE = (
    *("repository", "bundle", "layout", "compliant", "problems", "findings", "tasks_done", "tasks_total", "requirements"),
    *("requirements_with_task", "requirements_without_task", "missing_paths", "html_url"),
)


def _bundle(repository: Repository, bundle: speckit.Bundle) -> tuple[Any, ...]:
    return (
        *own(repository),
        repository.name,
        bundle.path,
        bundle.layout,
        bundle.compliant(),
        bundle.reasons(),
        Jsonb([asdict(problem) for problem in bundle.problems]),
        bundle.tasks_done,
        bundle.tasks_total,
        len(bundle.requirements),
        len(bundle.requirements_with_task),
        [name for name in bundle.requirements if name not in bundle.requirements_with_task],
        Jsonb(bundle.missing_paths),
        repository.link(f"tree/{repository.default_branch}/{bundle.path}"),
    )
