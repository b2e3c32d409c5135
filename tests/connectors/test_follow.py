"""After a run its followers hear of it: in the process that ran it, or in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors import services, tasks
from connectors.models import ConnectorRun, Status
from ipai import toolkit
from ipai.toolkit import Load, after_load


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Load]:
    """Loads into the core layer that a follower was told of."""
    monkeypatch.setattr(toolkit, "_hooks", {})
    found: list[Load] = []
    after_load("ipai_bronze_core")(found.append)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_run_in_this_process_is_followed_once_its_rows_are_there(
    files: Path, make_connector: Any, run_now: Any, heard: list[Load], rows: Any
) -> None:
    (files / "orders.csv").write_text("id\n1\n")
    connector = make_connector("orders", path=str(files / "orders.csv"), table="orders")
    seen: list[Any] = []
    after_load("ipai_bronze_core")(lambda load: seen.extend(rows("SELECT count(*) FROM ipai_bronze_core.orders")))
    assert run_now(connector).status == Status.SUCCESS
    assert heard == [Load("ipai_bronze_core", connector.tenant.pk, connector.pk, was_read=True)]
    assert seen == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_run_of_workers_is_followed_by_a_task_after_its_commit(
    files: Path, make_connector: Any, actor: Any, heard: list[Load], monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "orders.csv").write_text("id\n1\n")
    connector = make_connector("orders", path=str(files / "orders.csv"), table="orders")
    sent: list[tuple[str, str, str]] = []

    def remember(task: str, key: str) -> None:
        sent.append((task, key, ConnectorRun.objects.get().status))

    for module in ("connectors.services.runs", "connectors.tasks"):
        monkeypatch.setattr(f"{module}.send", remember)
    run = services.queue_run(connector=connector, actor=actor)
    for stream in services.plan_run(run.pk):
        tasks.run_stream(str(stream))
    assert sent[-1] == ("connectors.follow_run", str(run.pk), Status.SUCCESS)
    assert heard == []
    tasks.follow_run(str(run.pk))
    assert heard == [Load("ipai_bronze_core", connector.tenant.pk, connector.pk, was_read=True)]
    services.delete_connector(actor, connector)
    tasks.follow_run(str(run.pk))
    assert len(heard) == 1
