"""The audit of who can reach what: what the catalog says, and what really happens when two tenants' rows are read."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from ipai.lakehouse.audit_checks import missing_findings, static_findings
from ipai.lakehouse.audit_probe import probe_findings
from ipai.lakehouse.findings import EXPOSED, Finding


class AuditBlocked(Exception):
    """The audit could not look at something in time; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings, errors first, and how many objects were looked at."""

    findings: list[Finding]
    checked: dict[str, int]

    @property
    def ok(self) -> bool:
        return not any(finding.level == "error" for finding in self.findings)


COUNTS = """
SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = ANY(%(exposed)s::regnamespace[]) AND relkind IN ('r', 'p')),
       (SELECT count(*) FROM pg_class WHERE relnamespace = ANY(%(exposed)s::regnamespace[]) AND relkind IN ('v', 'm')),
       (SELECT count(*) FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = ANY(%(exposed)s::regnamespace[]))
"""


def run_audit() -> Audit:
    """Audit the default database, in a transaction that is rolled back. Raises :class:`AuditBlocked` when a load is in the way."""
    try:
        return _run()
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise AuditBlocked("a table is locked by a load that changes it: run rlsaudit again when the load has ended") from error


def _run() -> Audit:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        missing = missing_findings(cursor)
        if missing:
            return Audit(missing, {})
        findings = static_findings(cursor)
        probed, leaks = probe_findings(cursor)
        cursor.execute(COUNTS, {"exposed": list(EXPOSED)})
        tables, views, policies = cursor.fetchone()
        transaction.set_rollback(True)
    ordered = sorted({*findings, *leaks}, key=lambda finding: (finding.level, finding.object, finding.problem))
    return Audit(ordered, {"tables": tables, "views": views, "policies": policies, "tables probed": probed})
