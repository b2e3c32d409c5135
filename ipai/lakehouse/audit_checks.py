"""What the catalog says: row level security, policies, views, functions, grants, roles and the audit log's trigger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.db.backends.utils import CursorWrapper

from ipai.lakehouse.findings import EXPOSED, OUTSIDERS, Finding, Level
from ipai.lakehouse.tables import SCHEMAS

# In each query: %(exposed)s schemas, %(ours)s schemas that are wholly ours, %(outsiders)s roles. Extension members are left out.
NOT_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = {oid} AND d.classid = '{catalog}'::regclass AND d.deptype = 'e')"
)
TABLE = NOT_EXTENSION.format(oid="c.oid", catalog="pg_class")
FUNCTION = NOT_EXTENSION.format(oid="f.oid", catalog="pg_proc")
RELATION = "format('%%I.%%I', c.relnamespace::regnamespace::text, c.relname)"
ANYBODY = "(acl.grantee = 0 OR acl.grantee IN (SELECT oid FROM pg_roles WHERE rolname = ANY(%(outsiders)s)))"
WHO = "CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END"

OURS = ("ipai_auth", *SCHEMAS)

CHECKS: tuple[tuple[Level, str, str, str], ...] = (
    (
        "error",
        f"""SELECT {RELATION} FROM pg_class AS c
        WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND {TABLE}""",
        "row level security is off",
        "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY in a migration (bronze tables: tables.protect)",
    ),
    (
        "error",
        f"""SELECT {RELATION}, p.polname FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND p.polpermissive
          AND (0 = ANY(p.polroles) OR p.polroles && ARRAY(SELECT oid FROM pg_roles WHERE rolname = ANY(%(outsiders)s)))
          AND (pg_get_expr(p.polqual, c.oid) = 'true' OR pg_get_expr(p.polwithcheck, c.oid) = 'true')""",
        "policy {1} lets everybody see every row",
        "DROP POLICY {1} ON {0}, and write one that compares the tenant",
    ),
    (
        "error",
        f"""SELECT {RELATION} FROM pg_class AS c WHERE c.relkind = 'v' AND c.relnamespace = ANY(%(exposed)s::regnamespace[])
          AND {TABLE}
          AND NOT coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
                            WHERE option_name = 'security_invoker'), false)""",
        "the view reads with its owner's rights, past row level security",
        "ALTER VIEW {0} SET (security_invoker = true)",
    ),
    (
        "error",
        f"""SELECT DISTINCT {RELATION}, r.rolname FROM pg_class AS c CROSS JOIN pg_roles AS r
        WHERE c.relkind IN ('m', 'f') AND c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND {TABLE}
          AND r.rolname = ANY(%(outsiders)s) AND has_any_column_privilege(r.oid, c.oid, 'SELECT')""",
        "{1} reads a materialized view or foreign table, which has no row level security",
        "REVOKE SELECT ON {0} FROM PUBLIC, {1}; offer a security_invoker view over a protected table",
    ),
    (
        "error",
        f"""SELECT f.oid::regprocedure::text FROM pg_proc AS f
        WHERE f.prosecdef AND f.pronamespace = ANY(%(exposed)s::regnamespace[] || %(ours)s::regnamespace[]) AND {FUNCTION}
          AND NOT EXISTS (SELECT FROM unnest(f.proconfig) AS s WHERE s LIKE 'search_path=%%')""",
        "the SECURITY DEFINER function takes its search_path from the caller",
        "ALTER FUNCTION {0} SET search_path = pg_catalog, pg_temp",
    ),
    (
        "error",
        f"""SELECT f.oid::regprocedure::text FROM pg_proc AS f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS acl
        WHERE f.prosecdef AND f.pronamespace = ANY(%(exposed)s::regnamespace[] || %(ours)s::regnamespace[]) AND {FUNCTION}
          AND (acl.grantee = 0 OR acl.grantee::regrole::text = 'anon')""",
        "anybody may execute the SECURITY DEFINER function",
        "REVOKE ALL ON FUNCTION {0} FROM PUBLIC (and anon); GRANT EXECUTE to the roles that need it",
    ),
    (
        "error",
        """SELECT n.nspname, acl.privilege_type FROM pg_namespace AS n, aclexplode(n.nspacl) AS acl
        WHERE acl.grantee = 0 AND (n.nspname = ANY(%(ours)s) OR (n.nspname = 'public' AND acl.privilege_type = 'CREATE'))""",
        "PUBLIC has {1} on the schema",
        "REVOKE {1} ON SCHEMA {0} FROM PUBLIC",
    ),
    (
        "error",
        f"""SELECT DISTINCT {RELATION}, {WHO} FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT * FROM aclexplode(c.relacl)
            UNION ALL SELECT x.* FROM pg_attribute AS a, aclexplode(a.attacl) AS x WHERE a.attrelid = c.oid AND a.attnum > 0
        ) AS acl
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND {TABLE}
          AND {ANYBODY} AND acl.grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname = 'ipai_user')""",
        "{1} holds rights on it",
        "REVOKE ALL ON {0} FROM {1}",
    ),
    (
        "error",
        f"""SELECT DISTINCT {RELATION}, acl.privilege_type FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT * FROM aclexplode(c.relacl)
            UNION ALL SELECT x.* FROM pg_attribute AS a, aclexplode(a.attacl) AS x WHERE a.attrelid = c.oid AND a.attnum > 0
        ) AS acl
        WHERE c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND {TABLE} AND acl.privilege_type NOT IN ('SELECT', 'USAGE')
          AND acl.grantee IN (SELECT oid FROM pg_roles WHERE rolname = 'ipai_user')""",
        "ipai_user, which only reads, has {1} on it",
        "REVOKE {1} ON {0} FROM ipai_user",
    ),
    (
        "error",
        f"""SELECT {RELATION}, acl.grantee::regrole::text, acl.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS acl
        WHERE c.oid = 'public.ipai_audit_log'::regclass AND acl.grantee NOT IN (0, c.relowner)
          AND acl.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')""",
        "{1} has {2} on the audit log",
        "REVOKE {2} ON {0} FROM {1}",
    ),
    (
        "warning",
        f"""SELECT coalesce(s.nspname, 'database'), {WHO} FROM pg_default_acl AS def
        LEFT JOIN pg_namespace AS s ON s.oid = def.defaclnamespace, aclexplode(def.defaclacl) AS acl
        WHERE def.defaclobjtype = 'r' AND def.defaclrole = current_user::regrole AND {ANYBODY}
          AND (s.nspname IS NULL OR s.nspname = ANY(%(exposed)s))""",
        "tables that {1} is not meant to reach will be granted to it when they are made",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {0} REVOKE ALL ON TABLES FROM {1}",
    ),
    (
        "error",
        """SELECT rolname, concat_ws(', ', CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolsuper THEN 'SUPERUSER' END,
            CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END)
        FROM pg_roles WHERE rolname = 'ipai_user' AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole)""",
        "the reading role has {1}",
        "ALTER ROLE ipai_user NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE",
    ),
    (
        "error",
        """SELECT 'ipai_user', m.roleid::regrole::text FROM pg_auth_members AS m WHERE m.member = 'ipai_user'::regrole""",
        "the reading role is a member of {1} and can take on its rights",
        "REVOKE {1} FROM ipai_user",
    ),
    (
        "error",
        f"""SELECT {RELATION}, r.rolname FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
        WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = ANY(%(exposed)s::regnamespace[]) AND {TABLE}
          AND r.rolcanlogin AND r.rolname <> current_user
        UNION ALL
        SELECT f.oid::regprocedure::text, r.rolname FROM pg_proc AS f JOIN pg_roles AS r ON r.oid = f.proowner
        WHERE f.pronamespace = ANY(%(exposed)s::regnamespace[] || %(ours)s::regnamespace[]) AND {FUNCTION}
          AND r.rolcanlogin AND r.rolname <> current_user
        UNION ALL
        SELECT 'schema ' || n.nspname, r.rolname FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
        WHERE n.nspname = ANY(%(ours)s) AND r.rolcanlogin AND r.rolname <> current_user""",
        "it belongs to {1}, who is not held by row level security on it",
        "as {1} or a superuser: ALTER ... OWNER TO the role that the portal connects as",
    ),
    (
        "warning",
        """SELECT rolname, CASE WHEN rolsuper THEN 'a superuser' ELSE 'BYPASSRLS' END FROM pg_roles
        WHERE rolcanlogin AND (rolsuper OR rolbypassrls) AND rolname <> current_user AND oid <> 10""",
        "the login role is {1}: it sees every tenant's rows",
        "ALTER ROLE {0} NOSUPERUSER NOBYPASSRLS, unless the server needs it",
    ),
    (
        "warning",
        """SELECT m.member::regrole::text, current_user FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member
        WHERE m.roleid = current_user::regrole AND r.rolcanlogin AND NOT r.rolsuper""",
        "the login role is a member of {1}, which owns the tables: it sees every tenant's rows",
        "REVOKE {1} FROM {0}",
    ),
)
POLICIES = f"""
SELECT {RELATION}, p.polname, concat_ws(' ', pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = ANY(%(exposed)s::regnamespace[])
"""
ONCE = re.compile(
    r"\( ?SELECT (?:ipai_auth|auth)\.\w+\((?:[^()]|\([^()]*\))*\) AS \w+\)|\( ?SELECT current_setting\([^()]*\) AS \w+\)"
)
PER_ROW = re.compile(r"\b(?:ipai_auth|auth)\.\w+\(|\bcurrent_setting\(")
# tgtype 58 = BEFORE, by statement, UPDATE | DELETE | TRUNCATE
TRIGGER = """
SELECT t.tgenabled = 'A' AND t.tgtype = 58 AND t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0,
       f.oid = to_regproc('ipai_auth.refuse_audit_change'), f.prosrc
FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
WHERE t.tgrelid = 'public.ipai_audit_log'::regclass AND t.tgname = 'audit_log_append_only'
"""
TRIGGER_FILE = Path(__file__).parent / "migrations" / "0004_audit_log.up.sql"


def static_findings(cursor: CursorWrapper) -> list[Finding]:
    """Everything that the catalog alone gives away, in a database where :func:`missing_findings` has none."""
    parameters: dict[str, Any] = {"exposed": list(EXPOSED), "ours": list(OURS), "outsiders": list(OUTSIDERS)}
    findings: list[Finding] = []
    for level, query, problem, repair in CHECKS:
        cursor.execute(query, parameters)
        findings += [Finding(level, row[0], problem.format(*row), repair.format(*row)) for row in cursor.fetchall()]
    cursor.execute(POLICIES, parameters)
    for table, policy, text in cursor.fetchall():
        if PER_ROW.search(ONCE.sub("", text)):
            findings.append(
                Finding("warning", table, f"policy {policy} calls a function for every row", "write (SELECT f()), evaluated once")
            )
    return findings + _trigger(cursor)


def missing_findings(cursor: CursorWrapper) -> list[Finding]:
    """Schemas, the reading role and the audit log where they are not there at all: nothing else can be said then."""
    cursor.execute(
        "SELECT 'schema ' || name FROM unnest(%(ours)s::text[]) AS name WHERE to_regnamespace(name) IS NULL"
        " UNION ALL SELECT 'role ipai_user' WHERE to_regrole('ipai_user') IS NULL"
        " UNION ALL SELECT 'public.ipai_audit_log' WHERE to_regclass('public.ipai_audit_log') IS NULL",
        {"ours": list(OURS)},
    )
    return [Finding("error", row[0], "it does not exist", "python manage.py migrate") for row in cursor.fetchall()]


def _trigger(cursor: CursorWrapper) -> list[Finding]:
    """The audit log's trigger must be there, on for every role, and do what its migration says."""
    cursor.execute(TRIGGER)
    row = cursor.fetchone()
    expected = TRIGGER_FILE.read_text(encoding="utf-8").split("$$")[1]
    problem = ""
    if row is None:
        problem = "the trigger that refuses changes is missing"
    elif not row[0]:
        problem = "the trigger that refuses changes is disabled or altered"
    elif not row[1] or row[2] != expected:
        problem = "the function of the trigger that refuses changes was altered"
    repair = "run ipai/lakehouse/migrations/0004_audit_log.down.sql, then .up.sql, as the owner; find out who changed it"
    return [Finding("error", "public.ipai_audit_log", problem, repair)] if problem else []
