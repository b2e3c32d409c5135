-- The five metrics over all repositories, by month and in all: counts are summed, medians are those of all changes and deployments together.
WITH spanned AS (
    SELECT min(first_commit_at) AS began, max(as_of) AS as_of FROM ipai_gold_devops.repositories WHERE first_commit_at IS NOT NULL
), periods AS (
    SELECT 'all' AS period, extract(epoch FROM as_of - began) / 86400 AS days FROM spanned
    UNION ALL
    SELECT
        to_char(month, 'YYYY-MM'),
        extract(epoch FROM least(month + interval '1 month', as_of AT TIME ZONE 'UTC') - greatest(month, began AT TIME ZONE 'UTC')) / 86400
    FROM spanned, generate_series(date_trunc('month', began AT TIME ZONE 'UTC'), as_of AT TIME ZONE 'UTC', interval '1 month') AS month
    WHERE month < as_of AT TIME ZONE 'UTC'
), counted AS (
    SELECT period, sum(attempts)::bigint AS attempts, sum(deployments)::bigint AS deployments,
           sum(deployed_changes)::bigint AS deployed_changes, sum(changes)::bigint AS changes, sum(covered)::bigint AS covered,
           sum(failed)::bigint AS failed, sum(recovered)::bigint AS recovered, sum(rework)::bigint AS rework
    FROM ipai_gold_devops.dora_counts GROUP BY period
), led AS (
    SELECT coalesce(to_char(deployed_at AT TIME ZONE 'UTC', 'YYYY-MM'), 'all') AS period,
           percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY lead_s) AS lead
    FROM ipai_gold_devops.changes WHERE lead_s IS NOT NULL
    GROUP BY GROUPING SETS ((to_char(deployed_at AT TIME ZONE 'UTC', 'YYYY-MM')), ())
), recovered AS (
    SELECT coalesce(to_char(succeeded_at AT TIME ZONE 'UTC', 'YYYY-MM'), 'all') AS period,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY recovery_s) AS median
    FROM ipai_gold_devops.deployment_timeline WHERE failed AND recovery_s IS NOT NULL AND succeeded_at IS NOT NULL
    GROUP BY GROUPING SETS ((to_char(succeeded_at AT TIME ZONE 'UTC', 'YYYY-MM')), ())
)
SELECT
    NULL::text AS repository, p.period, p.days,
    coalesce(c.attempts, 0) AS production_attempts,
    coalesce(c.deployments, 0) AS deployments,
    coalesce(c.deployments, 0) / nullif(p.days, 0) AS deployment_frequency,
    coalesce(c.deployed_changes, 0) AS deployed_changes,
    led.lead[1] AS change_lead_time_s,
    led.lead[2] AS change_lead_time_p95_s,
    coalesce(c.changes, 0) AS changes,
    c.covered::numeric / nullif(c.changes, 0) AS lead_time_coverage,
    coalesce(c.failed, 0) AS failed,
    c.failed::numeric / nullif(c.deployments, 0) AS change_fail_rate,
    r.median AS failed_deployment_recovery_s,
    coalesce(c.recovered, 0) AS recovered,
    coalesce(c.failed - c.recovered, 0) AS not_recovered,
    coalesce(c.rework, 0) AS rework,
    c.rework::numeric / nullif(c.deployments, 0) AS deployment_rework_rate
FROM periods AS p
LEFT JOIN counted AS c USING (period) LEFT JOIN led USING (period) LEFT JOIN recovered AS r USING (period)
ORDER BY p.period = 'all', p.period
