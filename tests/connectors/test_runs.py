"""Queueing, cancelling, ending and scheduling runs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from connectors import queries, services
from connectors.errors import ConfigInvalid, NotRunnable, RunInProgress
from connectors.models import ConnectorRun, RunStream, Status
from ipai.observability.models import AuditLog
from tests.support import numbers  # noqa: F401  (registers the source)

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(make_connector):
    return make_connector("counts", "numbers", streams=["a", "b"], rows=5)


def test_a_second_run_is_refused_and_names_the_first(connector, actor):
    first = services.queue_run(connector=connector, actor=actor)
    with pytest.raises(RunInProgress) as refused:
        services.queue_run(connector=connector, actor=actor)
    assert refused.value.run == first
    assert str(first.pk) in refused.value.message
    assert ConnectorRun.objects.count() == 1


def test_a_paused_connector_does_not_run(connector, actor):
    services.set_enabled(actor, connector, on=False)
    connector.refresh_from_db()
    with pytest.raises(NotRunnable, match="paused"):
        services.queue_run(connector=connector, actor=actor)


def test_a_queued_run_is_cancelled_at_once(connector, actor):
    run = services.cancel_run(actor, services.queue_run(connector=connector, actor=actor))
    assert run.status == Status.CANCELLED
    assert run.ended_at is not None
    assert services.plan_run(run.pk) == []
    with pytest.raises(NotRunnable, match="ended"):
        services.cancel_run(actor, run)


def test_only_one_planner_splits_a_run_into_streams(connector, actor):
    run = services.queue_run(connector=connector, actor=actor)
    assert len(services.plan_run(run.pk)) == 2
    assert services.plan_run(run.pk) == []
    assert RunStream.objects.filter(run=run).count() == 2


def test_an_unknown_stream_ends_the_run_and_names_those_there_are(connector, actor):
    run = services.queue_run(connector=connector, actor=actor, streams=["c"])
    assert services.plan_run(run.pk) == []
    run.refresh_from_db()
    assert run.status == Status.FAILED
    assert "a, b" in run.error_message


def test_a_stream_whose_worker_died_fails_its_run_and_the_next_may_start(connector, actor):
    run = services.queue_run(connector=connector, actor=actor)
    first, second = services.plan_run(run.pk)
    held = {"status": Status.RUNNING, "lease_expires_at": Now() - timedelta(seconds=1)}
    RunStream.objects.filter(pk=first).update(**held, rows_read=500, rows_written=4, rows_unchanged=3)
    RunStream.objects.filter(pk=second).update(status=Status.SUCCESS, rows_read=2, rows_written=2)
    following = services.queue_run(connector=connector, actor=actor)
    run.refresh_from_db()
    assert run.status == Status.FAILED
    assert "worker" in run.error_message
    assert (run.rows_read, run.rows_written) == (9, 6), "what was read and never committed does not count"
    assert following.status == Status.QUEUED


def test_a_living_lease_is_left_alone(connector, actor):
    run = services.queue_run(connector=connector, actor=actor)
    first, _ = services.plan_run(run.pk)
    RunStream.objects.filter(pk=first).update(status=Status.RUNNING, lease_expires_at=Now() + timedelta(seconds=20))
    assert services.reap_lost() == 0


def test_what_the_broker_lost_is_sent_again(connector, actor):
    run = services.queue_run(connector=connector, actor=actor)
    assert services.dispatch_waiting() == 0
    ConnectorRun.objects.update(dispatched_at=timezone.now() - timedelta(minutes=5))
    assert services.dispatch_waiting() == 1
    assert services.dispatch_waiting() == 0
    ConnectorRun.objects.filter(pk=run.pk).update(dispatched_at=None)
    assert services.dispatch_waiting() == 1


def test_the_schedule_is_beats_schedule(connector, actor):
    services.update_connector(actor, connector, schedule="15 6 * * 1-5")
    task = PeriodicTask.objects.get(task="connectors.scheduled_run")
    assert json.loads(task.args) == [str(connector.pk)]
    assert (task.crontab.minute, task.crontab.hour, task.crontab.day_of_week, str(task.crontab.timezone)) == (
        "15",
        "6",
        "1-5",
        "UTC",
    )
    services.set_enabled(actor, connector, on=False)
    task.refresh_from_db()
    assert task.enabled is False
    services.update_connector(actor, connector, schedule="")
    assert not PeriodicTask.objects.filter(task="connectors.scheduled_run").exists()


@pytest.mark.parametrize("expression", ["hello", "* * * *", "61 * * * *", "0 0 31 2 *", "* * * * * *"])
def test_a_schedule_that_never_comes_is_refused(connector, actor, expression):
    with pytest.raises(ConfigInvalid) as refused:
        services.update_connector(actor, connector, schedule=expression)
    assert list(refused.value.fields) == ["schedule"]


def test_two_connectors_of_one_name_are_refused(connector, make_connector):
    with pytest.raises(ConfigInvalid, match="already"):
        make_connector("counts", "numbers", streams=["a"], rows=1)


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [("nothing", {}, "type"), ("numbers", {"rows": "many", "streams": []}, "rows"), ("numbers", {"streams": []}, "config")],
)
def test_a_config_that_does_not_fit_names_the_field(make_connector, kind, config, field):
    with pytest.raises(ConfigInvalid) as refused:
        make_connector("bad", kind, **config)
    assert field in refused.value.fields


def test_changes_are_audited_with_their_difference(connector, actor):
    services.update_connector(actor, connector, freshness_target_minutes=60)
    event = AuditLog.objects.filter(entity_id=str(connector.pk)).first()
    assert event.details["changed"] == {"freshness_target_minutes": [1440, 60]}
    assert event.actor == "tester"


def test_a_connector_with_an_open_run_is_not_deleted(connector, actor):
    run = services.queue_run(connector=connector, actor=actor)
    with pytest.raises(RunInProgress):
        services.delete_connector(actor, connector)
    services.cancel_run(actor, run)
    services.delete_connector(actor, connector)
    assert queries.connector_named("counts", connector.tenant) is None


def test_upcoming_runs_come_soonest_first(make_connector, actor):
    for name, schedule in (("yearly", "0 0 1 1 *"), ("often", "* * * * *")):
        made = make_connector(name, "numbers", streams=["a"], rows=1)
        services.update_connector(actor, made, schedule=schedule)
    assert [connector.name for _, connector in queries.upcoming_runs(6)] == ["often", "yearly"]
