"""The audit log takes new rows and nothing else, from anybody."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from ipai.observability.models import AuditLog
from tests.ipai.lakehouse.conftest import Side, reader_of

CHANGES = [
    "UPDATE public.ipai_audit_log SET actor = 'somebody else'",
    "DELETE FROM public.ipai_audit_log",
    "DELETE FROM public.ipai_audit_log WHERE id = -1",
    "TRUNCATE public.ipai_audit_log",
    "INSERT INTO public.ipai_audit_log AS a (id, event_type, entity_type, entity_id, actor, action, details, user_agent)"
    " SELECT id, '', '', '', '', '', '{}', '' FROM public.ipai_audit_log ON CONFLICT (id) DO UPDATE SET actor = 'x'",
    "MERGE INTO public.ipai_audit_log AS a USING (SELECT 1) AS x ON true WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_its_owner_cannot_rewrite_it(north: Side, statement: str) -> None:
    before = list(AuditLog.objects.values())
    with transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(ProgrammingError, match="the audit log is append-only"), transaction.atomic():
            cursor.execute(statement)
        assert list(AuditLog.objects.values()) == before


@pytest.mark.parametrize("statement", CHANGES)
def test_readers_cannot_rewrite_it(north: Side, statement: str) -> None:
    with reader_of(north, "platform_admin", "auditor") as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute(statement)


def test_the_orm_cannot_rewrite_it(north: Side) -> None:
    for change in (lambda: AuditLog.objects.update(actor="x"), lambda: AuditLog.objects.all().delete()):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            change()


def test_a_deleted_tenant_leaves_its_events(north: Side) -> None:
    gone = north.tenant.pk
    north.connector.delete()
    north.tenant.delete()
    assert AuditLog.objects.filter(tenant_id=gone).count() == 1
