"""While others work on the same tables: two callers at once, and a load that holds its table."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from connectors.models import ConnectorRun
from ipai.lakehouse import queries
from ipai.lakehouse.audit import AuditBlocked, run_audit
from ipai.lakehouse.tables import protect
from tests.ipai.lakehouse.conftest import make_side

pytestmark = [pytest.mark.outside, pytest.mark.pooler]


@pytest.fixture
def loading(environment: dict[str, str]) -> Iterator[str]:
    """A bronze table that another connection holds, as a load does that adds a column."""
    with psycopg.connect(environment["DATABASE_URL"]) as load:
        load.execute("CREATE TABLE ipai_bronze_core.orders (_tenant_id uuid, id int)")
        protect(load.cursor(), "ipai_bronze_core", "orders")
        load.commit()
        load.execute("ALTER TABLE ipai_bronze_core.orders ADD COLUMN late text")
        yield "orders"
        load.rollback()


def test_two_callers_at_once_get_one_run(environment: dict[str, str]) -> None:
    side = make_side("race")
    claims = {"sub": "someone", "app_metadata": {"tenant": "race", "ipai_roles": ["operator"]}}
    answers: list[str] = []
    start = threading.Barrier(4)

    def call() -> None:
        with psycopg.connect(environment["DATABASE_URL"]) as caller:
            caller.execute("SELECT set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            caller.execute("SET LOCAL ROLE ipai_user")
            start.wait()
            try:
                caller.execute("SELECT public.run_connector(%s)", [side.connector.name])
                time.sleep(0.1)  # the others arrive while this one is not committed
                answers.append("queued")
            except psycopg.Error as error:
                answers.append(error.sqlstate or "")

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(answers) == ["PT409", "PT409", "PT409", "queued"]
    assert ConnectorRun.objects.filter(connector=side.connector, status="queued").count() == 1


def test_the_catalog_does_not_wait_for_a_load(loading: str) -> None:
    began = time.monotonic()
    assert [table["name"] for table in queries.tables("ipai_bronze_core")] == [loading]
    assert queries.present([f"ipai_bronze_core.{loading}"]) == {f"ipai_bronze_core.{loading}"}
    assert time.monotonic() - began < 1
    with pytest.raises(queries.TableBusy, match=r"ipai_bronze_core\.orders is being changed by a load"):
        queries.table_detail("ipai_bronze_core", loading)


@pytest.mark.slow
def test_rlsaudit_says_when_a_load_is_in_the_way(loading: str) -> None:
    with pytest.raises(AuditBlocked, match="run rlsaudit again when the load has ended"):
        run_audit()
