"""People who look at the console."""

from __future__ import annotations

import pytest
from django.test import Client

from connectors.models import ConnectorRun, RunStream
from ipai.access.services import create_person, create_tenant


@pytest.fixture(autouse=True)
def static_folder(settings, tmp_path):
    """Where whitenoise looks for collected files; there are none in tests."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def as_role(db):
    """A browser of a new person: ``as_role("operator")``, ``as_role("operator", tenant=other)``."""

    def login(*roles, tenant=None, superuser=False):
        name = "-".join(roles) + (f"-{tenant.slug}" if tenant else "") + ("-super" if superuser else "")
        person = create_person(
            name, actor_name="test", roles=roles, tenant=tenant, password="a-long-enough-1", is_superuser=superuser
        )
        client = Client()
        client.force_login(person)
        return client

    return login


@pytest.fixture
def other_tenant(db):
    """Somebody else's organisation."""
    return create_tenant("elsewhere", "Elsewhere", actor_name="test")


@pytest.fixture
def connector(make_connector, files):
    """A saved files connector."""
    (files / "orders.csv").write_text("id,amount\n1,2.50\n2,3.75\n")
    return make_connector("orders", path=str(files / "orders.csv"), table="orders")


@pytest.fixture
def make_run():
    """A run as history has it: ``make_run(connector, "failed", error_message="...")``."""

    def make(connector, status="success", rejected=0, **kwargs):
        run = ConnectorRun.objects.create(connector=connector, status=status, **kwargs)
        counts = {"rows_read": 10, "rows_written": 10 - rejected, "rows_rejected": rejected}
        RunStream.objects.create(run=run, stream="orders", target="ipai_bronze_core.orders", status=status, **counts)
        return run

    return make
