"""The DevOps figures of a large organisation: making all of them, making them again after one run, and showing them.

``python -m bench.devops`` fills the GitHub tables of a made-up connector by SQL, measures and writes docs/benchmarks.md. Needs
the settings of the portal and a database of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.report import ROOT, write_section

CONNECTOR = uuid.uuid5(uuid.NAMESPACE_URL, "bench/devops")
ROUNDS = 20
"""Times that each page is asked for."""
OWN = "%(connector)s::uuid, %(tenant)s::uuid, %(connector)s::uuid"
COLUMNS = "_connector_id, _tenant_id, _run_id"
BEGAN = "now() - interval '365 days' + n * interval '365 days' / %(runs)s"
FILL: dict[str, str] = {
    "repositories": f"""
        INSERT INTO ipai_bronze_devops.repositories ({COLUMNS}, id, full_name, default_branch, html_url)
        SELECT {OWN}, n, 'bench/repository-' || n, 'main', 'https://github.invalid/bench/repository-' || n
        FROM generate_series(1, %(repositories)s) AS n""",
    "workflows": f"""
        INSERT INTO ipai_bronze_devops.workflows ({COLUMNS}, id, repository_id, name, path, state)
        SELECT {OWN}, r * 10 + w, r, 'Workflow ' || w, '.github/workflows/' || w || '.yml', 'active'
        FROM generate_series(1, %(repositories)s) AS r, generate_series(0, 4) AS w""",
    "workflow_runs": f"""
        INSERT INTO ipai_bronze_devops.workflow_runs ({COLUMNS}, id, repository_id, workflow_id, run_attempt, run_number, name,
            event, head_branch, head_sha, status, conclusion, actor_login, created_at, run_started_at, updated_at, html_url)
        SELECT {OWN}, n, n %% %(repositories)s + 1, (n %% %(repositories)s + 1) * 10 + n / %(repositories)s %% 5,
            CASE WHEN n %% 20 = 0 THEN 2 ELSE 1 END, n, 'A run', 'push', CASE WHEN n %% 3 = 0 THEN 'main' ELSE 'work' END,
            md5((n / 3)::text), 'completed', (ARRAY['success', 'success', 'success', 'success', 'success', 'failure', 'success',
            'timed_out', 'success', 'cancelled', 'success'])[n %% 11 + 1], 'bench', at, at,
            at + interval '1 second' * (120 + n %% 900 * 7919 %% 900), 'https://github.invalid/bench/runs/' || n
        FROM generate_series(1, %(runs)s) AS n, LATERAL (SELECT {BEGAN} AS at) AS began""",
    "workflow_run_attempts": f"""
        INSERT INTO ipai_bronze_devops.workflow_run_attempts ({COLUMNS}, run_id, run_attempt, repository_id, status, conclusion)
        SELECT {OWN}, n, 1, n %% %(repositories)s + 1, 'completed', 'failure' FROM generate_series(20, %(runs)s, 20) AS n""",
    "workflow_jobs": f"""
        INSERT INTO ipai_bronze_devops.workflow_jobs ({COLUMNS}, id, repository_id, run_id, run_attempt, status, conclusion,
            started_at, completed_at)
        SELECT {OWN}, n * 10 + job, n %% %(repositories)s + 1, n, CASE WHEN n %% 20 = 0 THEN 2 ELSE 1 END, 'completed', 'success',
            at + interval '9 seconds', at + interval '1 second' * (100 + n %% 900 * 7919 %% 900)
        FROM generate_series(1, %(runs)s) AS n, generate_series(0, 1) AS job, LATERAL (SELECT {BEGAN} AS at) AS began""",
    "commits": f"""
        INSERT INTO ipai_bronze_devops.commits ({COLUMNS}, repository_id, sha, parents, message, author_login, author_date,
            committer_date)
        SELECT {OWN}, n / 10 %% %(repositories)s + 1, md5(n::text), CASE WHEN n / 10 <= %(repositories)s THEN '[]'::jsonb ELSE
            jsonb_build_array(md5((n - 10 * %(repositories)s)::text)) END, 'A commit', 'bench', at, at
        FROM generate_series(10, %(runs)s, 10) AS n, LATERAL (SELECT {BEGAN} AS at) AS began""",
    "deployments": f"""
        INSERT INTO ipai_bronze_devops.deployments ({COLUMNS}, id, repository_id, sha, ref, environment, created_at)
        SELECT {OWN}, n, n / 10 %% %(repositories)s + 1, md5(n::text), 'main', 'production', at + interval '1 hour'
        FROM generate_series(50, %(runs)s, 50) AS n, LATERAL (SELECT {BEGAN} AS at) AS began""",
    "deployment_statuses": f"""
        INSERT INTO ipai_bronze_devops.deployment_statuses ({COLUMNS}, id, repository_id, deployment_id, state, created_at)
        SELECT {OWN}, n, n / 10 %% %(repositories)s + 1, n, 'success', at + interval '2 hours'
        FROM generate_series(50, %(runs)s, 50) AS n, LATERAL (SELECT {BEGAN} AS at) AS began""",
    "issues": f"""
        INSERT INTO ipai_bronze_devops.issues ({COLUMNS}, id, repository_id, number, title, body, labels, created_at, closed_at)
        SELECT {OWN}, n, n / 10 %% %(repositories)s + 1, n, 'Down', 'deployment ' || n, '["incident"]', at + interval '3 hours',
            at + interval '5 hours'
        FROM generate_series(500, %(runs)s, 500) AS n, LATERAL (SELECT {BEGAN} AS at) AS began""",
}
TOUCH = """
UPDATE ipai_bronze_devops.workflow_runs SET conclusion = 'failure', updated_at = now(), _loaded_at = clock_timestamp()
WHERE _connector_id = %(connector)s AND id = %(runs)s - 1
"""
SHOWN = (
    *("/devops/", "/devops/ci/", "/devops/ci/?repository=bench/repository-1", "/devops/ci/?workflow_id=10&by=day"),
    *("/devops/runs/?period={month}", "/devops/deployments/", "/devops/dora/", "/devops/dora/?repository=bench/repository-1"),
    *("/devops/changes/", "/devops/items/", "/devops/specs/"),
    *("/api/v1/devops/ci-status", "/api/v1/devops/ci-metrics", "/api/v1/devops/deployments", "/api/v1/devops/dora"),
)


@dataclass
class Made:
    """One refresh: wall seconds, CPU seconds and peak memory (MB) of the process."""

    seconds: float
    cpu: float
    peak: float


def main() -> None:
    """Fill, measure, report, empty."""
    options = argparse.ArgumentParser(prog="python -m bench.devops", description=__doc__)
    options.add_argument("--runs", type=int, default=1_000_000)
    options.add_argument("--repositories", type=int, default=200)
    options.add_argument("--keep", action="store_true", help="leave the rows there")
    chosen = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ipai.settings")
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    import django

    django.setup()
    from ipai.access.models import Tenant

    values = {"connector": CONNECTOR, "tenant": Tenant.objects.get(slug="default").pk, **vars(chosen)}
    load = os.getloadavg()[0]
    empty()
    fill(values)
    made = {"everything": refreshed(values, full=True)}
    touch(values)
    made["after one run changed"] = refreshed(values)
    made["after nothing changed"] = refreshed(values)
    pages = shown()
    if not chosen.keep:
        empty()
    text = render(made, pages, chosen, load)
    write_section("devops", text)
    print(text)


def fill(values: dict[str, Any]) -> None:
    """The made-up organisation in bronze."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in FILL.values():
            cursor.execute(statement, values)
        for table in FILL:
            cursor.execute(f"VACUUM ANALYZE ipai_bronze_devops.{table}")


def empty() -> None:
    """Delete its rows."""
    from django.db import connection

    from devops.gold.refresh import TABLES

    with connection.cursor() as cursor:
        for table in [f"ipai_bronze_devops.{name}" for name in FILL] + [f"ipai_gold_devops.{name}" for name in TABLES]:
            cursor.execute(f"DELETE FROM {table} WHERE _connector_id = %s", [CONNECTOR])


def touch(values: dict[str, Any]) -> None:
    """One run ends otherwise."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(TOUCH, values)


def refreshed(values: dict[str, Any], *, full: bool = False) -> Made:
    """Make the figures in this process."""
    from devops.gold.refresh import refresh

    began, cpu = time.perf_counter(), time.process_time()
    refresh(values["connector"], values["tenant"], full=full)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Made(time.perf_counter() - began, time.process_time() - cpu, peak)


def shown() -> dict[str, list[float]]:
    """Milliseconds of each page and endpoint, through all of the portal but the web server."""
    from django.test import Client

    with somebody() as person:
        http = Client(HTTP_HOST="localhost")
        http.force_login(person)
        return {address: timed(lambda path=path: http.get(path)) for address, path in addresses()}  # type: ignore[misc]


def addresses() -> Iterator[tuple[str, str]]:
    for address in SHOWN:
        yield address, address.format(month=f"{datetime.now(UTC):%Y-%m}")


@contextmanager
def somebody() -> Iterator[Any]:
    """A person who may see the pages, for as long as it takes."""
    from ipai.access.services import create_person

    name = f"bench-{threading.get_native_id()}-{time.time_ns()}"
    person = create_person(name, actor_name="bench", roles=("operator",), password=uuid.uuid4().hex)
    try:
        yield person
    finally:
        person.delete()


def timed(ask: Callable[[], Any]) -> list[float]:
    """Sorted milliseconds of some answers, after a first one."""
    found = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        answer = ask()
        assert answer.status_code == 200, answer
        found.append(1000 * (time.perf_counter() - began))
    return sorted(found[1:])


def render(made: dict[str, Made], pages: dict[str, list[float]], chosen: argparse.Namespace, load: float) -> str:
    """The section of the report."""
    refreshes = "\n".join(f"| {name} | {one.seconds:,.2f} | {one.cpu:.2f} | {one.peak:,.0f} |" for name, one in made.items())
    lines = "\n".join(
        f"| `{address}` | {times[ROUNDS // 2]:.0f} | {times[ROUNDS * 95 // 100 - 1]:.0f} |" for address, times in pages.items()
    )
    return f"""
## DevOps figures

Measured {datetime.now(UTC):%Y-%m-%d} by `python -m bench.devops`: {platform.machine()}, {os.cpu_count()} cores, Python
{platform.python_version()}. {chosen.runs:,} workflow runs in {chosen.repositories} repositories over a year, with two jobs each,
a commit for ten of them and a production deployment for fifty. Load of the machine before: {load:.1f}.

| figures made | seconds | CPU s of the process | peak MB of the process |
| --- | --- | --- | --- |
{refreshes}

| shown | p50 ms | p95 ms |
| --- | --- | --- |
{lines}
"""


if __name__ == "__main__":
    main()
