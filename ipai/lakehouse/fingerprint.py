"""A database's schema as a set of lines, one per object and property, to compare two databases or two moments."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

# Own objects only: not the system's, not an extension's members, not Django's record of migrations.
FINGERPRINT = """
WITH ours AS (
    SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), member AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relation AS (
    SELECT c.*, format('%s.%s', ours.nspname, c.relname) AS name
    FROM pg_class AS c JOIN ours ON ours.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relname !~ '^django_migrations(_id_seq)?$'
      AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM member)
)
SELECT format('schema %s owner=%s acl=%s', n.nspname, n.nspowner::regrole,
    (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS x))
FROM pg_namespace AS n JOIN ours USING (oid)
UNION ALL
SELECT format('relation %s kind=%s owner=%s options=%s rls=%s force=%s acl=%s comment=%s', name, relkind, relowner::regrole,
    reloptions, relrowsecurity, relforcerowsecurity,
    (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(relacl) AS x), obj_description(oid, 'pg_class'))
FROM relation
UNION ALL
SELECT format('view %s %s', name, md5(pg_get_viewdef(oid))) FROM relation WHERE relkind IN ('v', 'm')
UNION ALL
SELECT format('column %s.%s position=%s type=%s notnull=%s default=%s identity=%s generated=%s comment=%s acl=%s',
    r.name, a.attname,
    row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, col_description(r.oid, a.attnum), a.attacl)
FROM relation AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT format('constraint %s.%s %s', r.name, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint AS k JOIN relation AS r ON r.oid = k.conrelid
UNION ALL
SELECT format('index %s %s', r.name, pg_get_indexdef(i.indexrelid)) FROM pg_index AS i JOIN relation AS r ON r.oid = i.indrelid
UNION ALL
SELECT format('policy %s.%s command=%s permissive=%s roles=%s using=%s check=%s', r.name, p.polname, p.polcmd, p.polpermissive,
    (SELECT string_agg(x::regrole::text, ',' ORDER BY x::regrole::text) FROM unnest(p.polroles) AS x),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy AS p JOIN relation AS r ON r.oid = p.polrelid
UNION ALL
SELECT format('trigger %s enabled=%s %s', r.name, t.tgenabled, pg_get_triggerdef(t.oid))
FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('function %s.%s(%s) owner=%s acl=%s %s', ours.nspname, f.proname, pg_get_function_identity_arguments(f.oid),
    f.proowner::regrole, (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(f.proacl) AS x),
    CASE WHEN f.prokind IN ('f', 'p') THEN md5(pg_get_functiondef(f.oid)) END)
FROM pg_proc AS f JOIN ours ON ours.oid = f.pronamespace
WHERE ('pg_proc'::regclass, f.oid) NOT IN (SELECT classid, objid FROM member)
UNION ALL
SELECT format('type %s.%s kind=%s values=%s', ours.nspname, t.typname, t.typtype,
    (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid))
FROM pg_type AS t JOIN ours ON ours.oid = t.typnamespace
WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c'))
  AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM member)
UNION ALL
SELECT format('extension %s %s', e.extname, e.extversion) FROM pg_extension AS e
UNION ALL
SELECT format('event trigger %s enabled=%s', v.evtname, v.evtenabled) FROM pg_event_trigger AS v
UNION ALL
SELECT format('default privileges %s schema=%s kind=%s acl=%s', d.defaclrole::regrole,
    CASE WHEN d.defaclnamespace <> 0 THEN d.defaclnamespace::regnamespace END, d.defaclobjtype, d.defaclacl)
FROM pg_default_acl AS d
"""


def fingerprint(cursor: CursorWrapper) -> frozenset[str]:
    """Every schema object of the connected database, in words that two equal schemas share."""
    cursor.execute(FINGERPRINT)
    return frozenset(row[0] for row in cursor.fetchall())
