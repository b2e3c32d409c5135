"""Real Celery workers in processes of their own: sharing work, dying, being replaced."""

from __future__ import annotations

import contextlib
import random
import time
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from connectors import services
from connectors.models import OPEN, ConnectorRun, RunStream, Status
from tests.support import numbers  # noqa: F401  (registers the source)
from tests.support.processes import kill_group, wait_for, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.outside, pytest.mark.pooler]


def test_three_workers_share_many_connectors_and_run_each_stream_once(make_connector, actor, environment, tmp_path, rows):
    connectors = [make_connector(f"c{n}", "numbers", streams=[f"c{n}_a", f"c{n}_b"], rows=200, delay=0.005) for n in range(6)]
    with contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(worker(environment, tmp_path / f"worker{number}.log"))
        runs = [services.queue_run(connector=connector, actor=actor) for connector in connectors]
        wait_for(lambda: not ConnectorRun.objects.filter(status__in=OPEN).exists(), 90, "the end of six runs")
    assert [ConnectorRun.objects.get(pk=run.pk).status for run in runs] == [Status.SUCCESS] * 6
    streams = list(RunStream.objects.all())
    assert len({stream.lease_owner for stream in streams}) == 3
    assert {stream.rows_written for stream in streams} == {200}
    edges = sorted([(stream.started_at, 1) for stream in streams] + [(stream.ended_at, -1) for stream in streams])
    running = peak = 0
    for _, step in edges:
        running += step
        peak = max(peak, running)
    assert peak == 3
    for stream in streams:
        assert rows(f"SELECT count(*), count(DISTINCT id) FROM {stream.target}") == [(200, 200)]


def test_twenty_kills_at_random_points_lose_and_double_nothing(make_connector, actor, environment, tmp_path, files, rows):
    chance = random.Random(20)
    for number in range(8):
        lines = [f"{number * 20_000 + i},value {i},{i}.50" for i in range(20_000)]
        (files / f"part{number}.csv").write_text("id,text,amount\n" + "\n".join(lines) + "\n")
    keyless = make_connector("keyless", path=str(files / "*.csv"), table="keyless")
    keyed = make_connector("keyed", path=str(files / "*.csv"), table="keyed", primary_key=["id"])
    kills = tries = 0
    while kills < 20:
        tries += 1
        assert tries < 60, "the loads end before they can be killed"
        for connector in (keyless, keyed):
            services.queue_run(connector=connector, actor=actor, mode="incremental" if tries % 5 == 1 else "full")
        with worker(environment, tmp_path / "worker.log", concurrency=2) as process:
            wait_for(
                lambda: in_work().exists() or not ConnectorRun.objects.filter(status__in=OPEN).exists(), 30, "a running stream"
            )
            time.sleep(chance.uniform(0.0, 0.5))
            kills += in_work().exists()
            kill_group(process)
        RunStream.objects.filter(status=Status.RUNNING).update(lease_expires_at=Now() - timedelta(seconds=1))
        services.reap_lost()
        for run in ConnectorRun.objects.filter(status__in=OPEN):
            services.cancel_run(actor, run)
        for table in ("keyless", "keyed"):
            if rows("SELECT to_regclass(%s)", [f"ipai_bronze_core.{table}"])[0][0]:
                ((count, distinct),) = rows(f"SELECT count(*), count(DISTINCT id) FROM ipai_bronze_core.{table}")
                assert count == distinct
                assert count % 20_000 == 0, "a half-loaded file"
    assert ConnectorRun.objects.filter(status=Status.FAILED, error_message__contains="worker").exists()
    for connector in (keyless, keyed):
        run = services.execute_run(services.queue_run(connector=connector, actor=actor, send_to_worker=False).pk)
        assert run.status == Status.SUCCESS, run.error_message
        assert rows(f"SELECT count(*), count(DISTINCT id), sum(amount) FROM ipai_bronze_core.{connector.name}") == [
            (160_000, 160_000, 8 * sum(range(20_000)) + 160_000 / 2)
        ]


def in_work():
    """Streams that a worker has in hand."""
    return RunStream.objects.filter(status=Status.RUNNING)


def test_a_dead_worker_is_noticed_within_a_minute(make_connector, actor, environment, tmp_path):
    connector = make_connector("slow", "numbers", streams=["slow"], rows=100_000, delay=0.01)
    run = services.queue_run(connector=connector, actor=actor)
    with worker(environment, tmp_path / "worker.log") as process:
        wait_for(lambda: RunStream.objects.filter(status=Status.RUNNING, rows_read__gt=0).exists(), 30, "a running stream")
        kill_group(process)
    died = time.monotonic()
    wait_for(services.reap_lost, 60, "the lost lease")
    assert time.monotonic() - died < 60
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_a_run_queued_by_sql_alone_is_picked_up(make_connector, environment, tmp_path, rows):
    connector = make_connector("counts", "numbers", streams=["a"], rows=10)
    rows(
        "INSERT INTO ipai_connector_run (id, connector_id, mode, trigger)"
        " VALUES (gen_random_uuid(), %s, 'full', 'api') RETURNING id",
        [connector.pk],
    )
    with worker(environment, tmp_path / "worker.log"):
        assert services.dispatch_waiting() == 1
        wait_for(lambda: ConnectorRun.objects.filter(status=Status.SUCCESS).exists(), 60, "the run")
