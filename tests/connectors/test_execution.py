"""Runs from start to end in this process, against the real database."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from django.db import connection
from django.test import override_settings

from connectors import queries, services
from connectors.models import ConnectorState, RunLog, RunStream, Status
from tests.support import numbers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connector(make_connector):
    return make_connector("counts", "numbers", streams=["a"], rows=250)


def test_a_run_loads_counts_and_remembers(connector, run_now, rows):
    run = run_now(connector)
    assert run.status == Status.SUCCESS, run.error_message
    assert (
        queries.run_detail(run)["streams"][0].items()
        >= {"stream": "a", "read": 250, "written": 250, "updated": 0, "rejected": 0}.items()
    )
    assert rows("SELECT count(*), min(id), max(id) FROM ipai_bronze_core.a") == [(250, 1, 250)]
    assert ConnectorState.objects.get(connector=connector, stream="a").cursor == {"id": 250}
    again = run_now(connector)
    assert again.streams.get().rows_read == 0
    assert "nothing new" in queries.run_words(again)


def test_a_full_run_reads_everything_and_changes_nothing(connector, run_now):
    run_now(connector)
    stream = run_now(connector, mode="full").streams.get()
    assert (stream.rows_read, stream.rows_written, stream.rows_unchanged) == (250, 0, 250)


def test_a_stream_that_breaks_keeps_what_was_committed(make_connector, run_now, rows, monkeypatch):
    def breaks(self, client, since):
        yield from list(real(self, client, since))[:150]
        raise RuntimeError("password=hunter2")

    real = numbers.NumberStream.read
    connector = make_connector("counts", "numbers", streams=["a"], rows=250)
    monkeypatch.setattr(numbers.NumberStream, "read", breaks)
    run = run_now(connector)
    assert run.status == Status.FAILED
    assert "RuntimeError" in run.error_message
    assert "hunter2" not in run.error_message + "".join(RunLog.objects.values_list("message", flat=True))
    assert rows("SELECT count(*) FROM ipai_bronze_core.a") == [(100,)]
    monkeypatch.setattr(numbers.NumberStream, "read", real)
    assert run_now(connector).status == Status.SUCCESS
    assert rows("SELECT count(*), count(DISTINCT id) FROM ipai_bronze_core.a") == [(250, 250)]


def test_a_running_run_is_cancelled_and_keeps_whole_batches(make_connector, actor, rows):
    connector = make_connector("slow", "numbers", streams=["slow"], rows=5_000, delay=0.002, batch=50)
    run = services.queue_run(connector=connector, actor=actor, send_to_worker=False)

    def cancel() -> None:
        try:
            while not RunStream.objects.filter(run=run, rows_read__gt=0).exists():
                time.sleep(0.05)
            services.cancel_run(actor, run)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    run = services.execute_run(run.pk)
    thread.join()
    assert run.status == Status.CANCELLED
    ((count, highest),) = rows("SELECT count(*), max(id) FROM ipai_bronze_core.slow")
    assert count == highest
    assert count % 50 == 0
    assert 0 < count < 5_000


def test_a_worker_that_lost_its_lease_commits_nothing_more(make_connector, actor, rows):
    connector = make_connector("slow", "numbers", streams=["slow"], rows=5_000, delay=0.002, batch=50)
    run = services.queue_run(connector=connector, actor=actor, send_to_worker=False)
    taken: list[int] = []

    def take_over() -> None:
        try:
            while not RunStream.objects.filter(run=run, rows_read__gt=0).exists():
                time.sleep(0.05)
            RunStream.objects.filter(run=run).update(lease_token=uuid.uuid4())
            taken.append(rows("SELECT count(*) FROM ipai_bronze_core.slow")[0][0])
        finally:
            connection.close()

    thread = threading.Thread(target=take_over)
    thread.start()
    for run_stream_id in services.plan_run(run.pk):
        services.execute_stream(run_stream_id)
    thread.join()
    assert rows("SELECT count(*) FROM ipai_bronze_core.slow") == [(taken[0],)]
    assert RunStream.objects.get(run=run).status == Status.RUNNING


def test_a_run_of_two_streams_fails_when_one_does(make_connector, run_now, monkeypatch):
    real = numbers.NumberStream.read

    def second_breaks(self, client, since):
        if self.name == "b":
            raise ValueError
        return real(self, client, since)

    monkeypatch.setattr(numbers.NumberStream, "read", second_breaks)
    run = run_now(make_connector("two", "numbers", streams=["a", "b"], rows=10))
    assert run.status == Status.FAILED
    assert run.error_message.startswith("b: ")
    assert {stream.stream: stream.status for stream in run.streams.all()} == {"a": "success", "b": "failed"}
    assert (run.rows_read, run.rows_written) == (10, 10)


def test_a_command_waits_for_the_streams_that_a_worker_took(make_connector, actor):
    connector = make_connector("two", "numbers", streams=["a", "b"], rows=200, delay=0.005)
    run = services.queue_run(connector=connector, actor=actor, send_to_worker=False)

    def worker() -> None:
        try:
            while not (found := RunStream.objects.filter(run=run, stream="b").first()):
                time.sleep(0.02)
            time.sleep(0.3)
            services.execute_stream(found.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=worker)
    thread.start()
    run = services.execute_run(run.pk)
    thread.join()
    assert (run.status, run.rows_written) == (Status.SUCCESS, 400)


def test_a_stream_is_reset_and_read_again(connector, run_now, actor):
    run_now(connector)
    assert services.reset_stream(actor, connector, "a") == 0
    assert run_now(connector).streams.get().rows_unchanged == 250


def test_the_lease_outlives_a_slow_stream(make_connector, run_now):
    with override_settings(IPAI_LEASE_SECONDS=3):
        run = run_now(make_connector("slow", "numbers", streams=["slow"], rows=100, delay=0.05))
    assert run.status == Status.SUCCESS
