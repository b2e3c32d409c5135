-- Runs of all repositories (or of one) by ISO week, UTC, defined as in ci_metrics.
SELECT
    to_char(week, 'IYYY-"W"IW') AS period,
    count(*) AS runs,
    count(*) FILTER (WHERE counted) AS counted,
    count(*) FILTER (WHERE counted AND conclusion = 'success')::numeric / nullif(count(*) FILTER (WHERE counted), 0) AS success_rate,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_s) AS duration_p50_s,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_s) AS duration_p95_s
FROM (
    SELECT date_trunc('week', created_at AT TIME ZONE 'UTC') AS week, conclusion, duration_s,
           status = 'completed' AND conclusion IS DISTINCT FROM 'cancelled' AS counted
    FROM ipai_gold_devops.ci_runs
    WHERE created_at >= %(since)s AND (
        %(repository)s::text IS NULL
        OR repository_id IN (SELECT repository_id FROM ipai_gold_devops.repositories WHERE repository = %(repository)s)
    )
) AS run
GROUP BY week ORDER BY week
