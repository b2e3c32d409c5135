"""The SQL of the catalog's reads (:mod:`ipai.lakehouse.queries`), over PostgreSQL's catalog and the run history."""

# A load that changes a table's columns locks it until it commits, and measuring it would wait for that. Such tables are given
# the size that the server last wrote down.
LOCKED = """
locked AS MATERIALIZED (
    SELECT relation FROM pg_locks
    WHERE mode = 'AccessExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
SIZE = """
CASE WHEN EXISTS (SELECT FROM locked WHERE relation = c.oid) THEN c.relpages * current_setting('block_size')::bigint
     ELSE pg_total_relation_size(c.oid) END
"""
LAYERS = """
SELECT n.nspname, coalesce(obj_description(n.oid, 'pg_namespace'), '') FROM pg_namespace AS n WHERE n.nspname = ANY(%(schemas)s)
ORDER BY array_position(%(schemas)s::text[], n.nspname::text)
"""
# Tenants share bronze tables. Of one that others have loaded too, a tenant sees the columns it has loaded itself, and no size.
KNOWN = """
known AS (
    SELECT loaded.target, bool_or(loaded.tenant_id = %(tenant)s::uuid) AS mine,
           count(*) > 1 AND %(tenant)s::uuid IS NOT NULL AS shared,
           max(loaded.columns) FILTER (WHERE loaded.tenant_id = %(tenant)s::uuid) AS columns
    FROM public.ipai_loaded_table AS loaded
    GROUP BY loaded.target
)
"""
VISIBLE = """
a.attnum > 0 AND NOT a.attisdropped AND (known.shared IS NOT TRUE OR a.attname = ANY(known.columns) OR a.attname = ANY(%(meta)s))
"""
TABLES = f"""
WITH {LOCKED}, {KNOWN}, produced AS (
    SELECT stream.target,
           array_agg(DISTINCT config.name ORDER BY config.name) FILTER (WHERE mine) AS connectors,
           max(stream.ended_at) FILTER (WHERE mine AND stream.status = 'success') AS last_loaded_at,
           min(config.freshness_target_minutes) FILTER (WHERE mine) AS target_minutes
    FROM public.ipai_connector_run_stream AS stream
    JOIN public.ipai_connector_run AS run ON run.id = stream.run_id
    JOIN public.ipai_connector_config AS config ON config.id = run.connector_id
    CROSS JOIN LATERAL (SELECT %(tenant)s::uuid IS NULL OR config.tenant_id = %(tenant)s::uuid AS mine) AS scope
    WHERE stream.target <> ''
    GROUP BY stream.target
)
SELECT n.nspname, c.relname, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
       (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND {VISIBLE}),
       CASE WHEN c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND known.shared IS NOT TRUE THEN c.reltuples::bigint END,
       CASE WHEN known.shared IS NOT TRUE THEN {SIZE} END,
       coalesce(produced.connectors, ARRAY[]::text[]), produced.last_loaded_at, produced.target_minutes,
       produced.last_loaded_at IS NULL OR produced.last_loaded_at < now() - make_interval(mins => produced.target_minutes)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN produced ON produced.target = n.nspname || '.' || c.relname
LEFT JOIN known ON known.target = n.nspname || '.' || c.relname
WHERE n.nspname = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND (%(table)s::text IS NULL OR c.relname = %(table)s)
  AND (%(search)s::text IS NULL OR strpos(lower(c.relname), lower(%(search)s)) > 0
       OR strpos(lower(coalesce(obj_description(c.oid, 'pg_class'), '')), lower(%(search)s)) > 0
       OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND {VISIBLE}
                  AND strpos(lower(a.attname), lower(%(search)s)) > 0))
  AND (%(tenant)s::uuid IS NULL OR known.target IS NULL OR known.mine)
ORDER BY array_position(%(order)s::text[], n.nspname::text), c.relname
"""
PRESENT = f"""
WITH {KNOWN}
SELECT wanted.name FROM unnest(%(names)s::text[]) AS wanted (name)
JOIN pg_namespace AS n ON n.nspname = split_part(wanted.name, '.', 1) AND n.nspname = ANY(%(schemas)s)
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = substr(wanted.name, length(n.nspname) + 2)
LEFT JOIN known ON known.target = wanted.name
WHERE %(tenant)s::uuid IS NULL OR known.target IS NULL OR known.mine
"""
COLUMNS = f"""
WITH {KNOWN}
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN known ON known.target = %(target)s
WHERE a.attrelid = %(table)s::regclass AND {VISIBLE}
ORDER BY a.attnum
"""
PRIMARY_KEY = """
SELECT a.attname FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY k.position
"""
POLICIES = """
SELECT p.polname, CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete'
       ELSE 'all' END, ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE r::regrole::text END FROM unnest(p.polroles) AS r),
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy AS p WHERE p.polrelid = %s::regclass ORDER BY 1
"""
PRODUCERS = """
SELECT DISTINCT ON (config.name, stream.stream) config.id, config.name, config.connector_type, stream.stream, stream.status, run.id,
       max(stream.ended_at) FILTER (WHERE stream.status = 'success') OVER (PARTITION BY config.id, stream.stream),
       stream.rows_written
FROM public.ipai_connector_run_stream AS stream
JOIN public.ipai_connector_run AS run ON run.id = stream.run_id
JOIN public.ipai_connector_config AS config ON config.id = run.connector_id
WHERE stream.target = %(target)s AND (%(tenant)s::uuid IS NULL OR config.tenant_id = %(tenant)s::uuid)
ORDER BY config.name, stream.stream, stream.id DESC
"""
# Views depend on tables through their rewrite rule; both directions, all the way.
LINEAGE = """
WITH RECURSIVE edge AS (
    SELECT DISTINCT d.refobjid AS source, r.ev_class AS target
    FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
), up AS (
    SELECT source, target FROM edge WHERE target = %(table)s::regclass
    UNION SELECT edge.source, edge.target FROM edge JOIN up ON edge.target = up.source
), down AS (
    SELECT source, target FROM edge WHERE source = %(table)s::regclass
    UNION SELECT edge.source, edge.target FROM edge JOIN down ON edge.source = down.target
)
SELECT direction, format('%%s.%%s', s.relnamespace::regnamespace, s.relname),
       format('%%s.%%s', t.relnamespace::regnamespace, t.relname)
FROM (SELECT 'up' AS direction, * FROM up UNION ALL SELECT 'down', * FROM down) AS found
JOIN pg_class AS s ON s.oid = found.source JOIN pg_class AS t ON t.oid = found.target
ORDER BY 1, 2, 3
"""
REACHABLE = """
SELECT count(*) = cardinality(%(names)s::text[]) FROM unnest(%(names)s::text[]) AS name
JOIN pg_class AS c ON format('%%s.%%s', c.relnamespace::regnamespace, c.relname) = name
WHERE has_any_column_privilege('ipai_user', c.oid, 'SELECT') AND (
    c.relkind = 'v' OR NOT c.relrowsecurity OR EXISTS (
        SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
          AND (0 = ANY(p.polroles) OR 'ipai_user'::regrole = ANY(p.polroles))))
"""
