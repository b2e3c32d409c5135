-- Runs of all repositories (or of one) by ISO week, UTC, defined as in ci_metrics. Each week is a stretch of an index on created_at.
SELECT
    to_char(monday, 'IYYY-"W"IW') AS period, ran.runs, ran.counted,
    ran.good::numeric / nullif(ran.counted, 0) AS success_rate,
    ran.duration[1] AS duration_p50_s, ran.duration[2] AS duration_p95_s
FROM generate_series(%(since)s::timestamptz AT TIME ZONE 'UTC', %(now)s::timestamptz AT TIME ZONE 'UTC', interval '1 week') AS monday
CROSS JOIN LATERAL (
    SELECT count(*) AS runs,
           count(*) FILTER (WHERE status = 'completed' AND conclusion IS DISTINCT FROM 'cancelled') AS counted,
           count(*) FILTER (WHERE status = 'completed' AND conclusion = 'success') AS good,
           percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_s) AS duration
    FROM ipai_gold_devops.ci_runs
    WHERE created_at >= monday AT TIME ZONE 'UTC' AND created_at < (monday + interval '1 week') AT TIME ZONE 'UTC' AND (
        (%(repository)s::text IS NULL AND %(connector)s::uuid IS NULL)
        OR (_connector_id, repository_id) IN (
            SELECT _connector_id, repository_id FROM ipai_gold_devops.repositories
            WHERE (%(repository)s::text IS NULL OR repository = %(repository)s)
              AND (%(connector)s::uuid IS NULL OR _connector_id = %(connector)s::uuid)
        )
    )
) AS ran
WHERE ran.runs > 0
ORDER BY monday
