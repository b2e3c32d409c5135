-- What the five metrics of a repository are made from, by UTC month and in all.
INSERT INTO ipai_gold_devops.dora_counts
WITH deployed AS (
    SELECT *, to_char(coalesce(succeeded_at, created_at) AT TIME ZONE 'UTC', 'YYYY-MM') AS month
    FROM ipai_gold_devops.deployment_timeline
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND production
), shipped AS (
    SELECT coalesce(month, 'all') AS period,
           count(*) AS attempts,
           count(succeeded_at) AS deployments,
           count(*) FILTER (WHERE failed) AS failed,
           count(*) FILTER (WHERE failed AND recovery_s IS NOT NULL) AS recovered,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY recovery_s) FILTER (WHERE failed) AS recovery_p50,
           count(*) FILTER (WHERE rework AND succeeded_at IS NOT NULL) AS rework
    FROM deployed GROUP BY GROUPING SETS ((month), ())
), changes AS (
    SELECT *,
           to_char(authored_at AT TIME ZONE 'UTC', 'YYYY-MM') AS authored,
           to_char(deployed_at AT TIME ZONE 'UTC', 'YYYY-MM') AS deployed
    FROM ipai_gold_devops.changes
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s
), made AS (
    SELECT CASE WHEN grouping(authored) = 1 THEN 'all' ELSE authored END AS period, count(*) AS changes, count(deployed_at) AS covered
    FROM changes GROUP BY GROUPING SETS ((authored), ())
), led AS (
    SELECT coalesce(deployed, 'all') AS period,
           count(*) AS changes,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY lead_s) AS p50,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY lead_s) AS p95
    FROM changes WHERE lead_s IS NOT NULL GROUP BY GROUPING SETS ((deployed), ())
)
SELECT
    %(tenant)s, %(connector)s, %(repository)s, period,
    coalesce(shipped.attempts, 0), coalesce(shipped.deployments, 0),
    coalesce(led.changes, 0), led.p50, led.p95,
    coalesce(made.changes, 0), coalesce(made.covered, 0),
    coalesce(shipped.failed, 0), coalesce(shipped.recovered, 0), shipped.recovery_p50, coalesce(shipped.rework, 0)
FROM shipped FULL JOIN made USING (period) FULL JOIN led USING (period)
WHERE period IS NOT NULL
