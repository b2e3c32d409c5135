"""What every test shares: an installation of its own, loopback only, a clean database after committed tests."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import installation

real_connect = socket.socket.connect


def loopback_only(self: socket.socket, address: Any) -> Any:
    """Refuse to leave the machine: a test that wants to is wrong."""
    if self.family in (socket.AF_INET, socket.AF_INET6):
        try:
            local = ipaddress.ip_address(address[0]).is_loopback
        except ValueError:
            local = address[0] == "localhost"
        if not local:
            raise RuntimeError(f"A test tried to reach {address[0]}")
    return real_connect(self, address)


socket.socket.connect = loopback_only  # type: ignore[method-assign]

KEPT = (
    "ipai_tenant",
    "ipai_audit_log",
    "auth_group",
    "auth_permission",
    "auth_group_permissions",
    "django_content_type",
    "django_migrations",
)
migrated: dict[str, set[str]] = {}
"""Tables in the medallion schemas that migrations made, with their columns."""
MEDALLION = """
SELECT format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname LIKE 'ipai\\_%\\_%'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') GROUP BY 1
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Django's test database; remembers which tables it begins with."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(MEDALLION)
        migrated.update((table, set(columns)) for table, columns in cursor.fetchall())


def wipe() -> None:
    """Remove what a committed test left: rows, but those that migrations made, and tables and columns that loads made."""
    from django.apps import apps
    from django.db import connection

    managed = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - set(KEPT)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in sorted(managed)) + " CASCADE")
        cursor.execute("DELETE FROM ipai_tenant WHERE slug <> 'default'")
        cursor.execute(MEDALLION)
        for table, columns in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}" if table in migrated else f"DROP TABLE {table} CASCADE")
            for column in set(columns) - migrated.get(table, set(columns)):
                cursor.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')


@pytest.fixture(autouse=True, scope="session")
def static_root() -> None:
    """WhiteNoise warns when the folder of collected files is missing, and warnings are errors."""
    from django.conf import settings

    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True, scope="session")
def committed_tests_clean_up() -> None:
    """Replace Django's flush, which would truncate the append-only audit log and the default tenant."""
    from django.test import TransactionTestCase

    TransactionTestCase._fixture_teardown = lambda self: wipe()  # type: ignore[attr-defined]


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    """A folder that file connectors may read."""
    folder = tmp_path / "files"
    folder.mkdir()
    settings.IPAI_FILES_ROOTS = (folder.resolve(),)
    settings.IPAI_SPOOL_DIR = tmp_path / "spool"
    settings.IPAI_UPLOADS_DIR = tmp_path / "uploads"
    return folder


@pytest.fixture
def actor() -> Any:
    """Who does things in tests."""
    from ipai.observability.audit import Actor

    return Actor("tester")


@pytest.fixture
def tenant(db: None) -> Any:
    """The default tenant."""
    from ipai.access.models import DEFAULT_TENANT, Tenant

    return Tenant.objects.get(slug=DEFAULT_TENANT)


@pytest.fixture
def make_connector(tenant: Any, actor: Any) -> Any:
    """Make a files connector: ``make_connector("orders", path="/x.csv", table="orders")``."""
    from connectors import services

    def make(name: str = "orders", connector_type: str = "files", **config: Any) -> Any:
        return services.create_connector(actor=actor, tenant=tenant, name=name, connector_type=connector_type, config=config)

    return make


@pytest.fixture
def run_now(actor: Any) -> Any:
    """Run a connector in this process and return the ended run: ``run_now(connector, mode="full")``."""
    from connectors import services

    def run(connector: Any, **kwargs: Any) -> Any:
        return services.execute_run(services.queue_run(connector=connector, actor=actor, send_to_worker=False, **kwargs).pk)

    return run


@pytest.fixture
def rows() -> Any:
    """All rows of a query as tuples."""
    from django.db import connection

    def query(statement: str, params: Any = None) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall())

    return query


@pytest.fixture(autouse=True, scope="session")
def broker() -> str:
    """The URL of a running broker of our own."""
    if installation.EMBEDDED_BROKER:
        installation.SERVICES.ensure_broker()
    return os.environ["REDIS_URL"]


@pytest.fixture
def environment(broker: str, settings: Any, files: Path, transactional_db: None) -> dict[str, str]:
    """Environment variables with which another process uses this test's database, broker, folders and keys."""
    from django.db import connection

    params = connection.settings_dict
    host = params["HOST"] or params["OPTIONS"].get("host") or "localhost"
    port = params["PORT"] or params["OPTIONS"].get("port") or 5432
    where = f"/{params['NAME']}?host={quote(host)}&port={port}" if host.startswith("/") else f"{host}:{port}/{params['NAME']}"
    user = ":".join(quote(part, safe="") for part in (params["USER"], params["PASSWORD"]) if part)
    return os.environ | {
        "DATABASE_URL": f"postgres://{user}@{where}",
        "REDIS_URL": broker,
        "IPAI_SUPERVISED": "1",  # a worker ends when the test that started it is killed
        "SECRET_KEY": settings.SECRET_KEY,
        "IPAI_VAULT_KEYS": ",".join(settings.IPAI_VAULT_KEYS),
        "IPAI_FILES_ROOTS": ":".join(str(root) for root in settings.IPAI_FILES_ROOTS),
    }
