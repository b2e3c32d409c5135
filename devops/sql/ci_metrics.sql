-- A row for each workflow and UTC day, each month, and one for all; nearest-rank percentiles (percentile_disc).
INSERT INTO ipai_gold_devops.ci_metrics
WITH runs AS (
    SELECT workflow_id, status, conclusion, ran, attempt, duration_s, queue_s, runner_s,
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
           coalesce(conclusion, status, 'unknown') AS outcome
    FROM ipai_gold_devops.ci_runs
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
), counted AS (
    SELECT
        workflow_id,
        coalesce(day, month, 'all') AS period,
        CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(month) = 0 THEN 'month' ELSE 'all' END AS granularity,
        count(*) AS runs,
        count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'completed' AND conclusion IS DISTINCT FROM 'cancelled') AS kept,
        count(*) FILTER (WHERE status = 'completed' AND conclusion = 'success') AS good,
        count(*) FILTER (WHERE ran) AS ran,
        count(*) FILTER (WHERE attempt > 1) AS again,
        percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_s) FILTER (WHERE ran) AS duration,
        percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY queue_s) FILTER (WHERE ran) AS queue,
        sum(runner_s) AS runner_s
    FROM runs
    GROUP BY GROUPING SETS ((workflow_id, day), (workflow_id, month), (workflow_id))
), outcomes AS (
    SELECT workflow_id, period, jsonb_object_agg(outcome, number) AS by_conclusion
    FROM (
        SELECT workflow_id, coalesce(day, month, 'all') AS period, outcome, count(*) AS number
        FROM runs
        GROUP BY GROUPING SETS ((workflow_id, day, outcome), (workflow_id, month, outcome), (workflow_id, outcome))
    ) AS listed
    GROUP BY workflow_id, period
), groups AS (
    SELECT workflow_id, succeeded, failed,
           to_char(first_run_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
           to_char(first_run_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month
    FROM ipai_gold_devops.ci_flaky_groups
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
), flaky AS (
    SELECT workflow_id, coalesce(day, month, 'all') AS period,
           count(*) FILTER (WHERE succeeded AND failed) AS flaky,
           count(*) FILTER (WHERE succeeded OR failed) AS judged
    FROM groups
    GROUP BY GROUPING SETS ((workflow_id, day), (workflow_id, month), (workflow_id))
), known AS (  -- a workflow without a run has a row too; one that is gone keeps the name its runs had
    SELECT id AS workflow_id, name, path FROM ipai_bronze_devops.workflows
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND _deleted_at IS NULL AND id = ANY (%(workflows)s)
), gone AS (
    SELECT DISTINCT ON (workflow_id) workflow_id, name, path FROM ipai_bronze_devops.workflow_runs
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
      AND workflow_id NOT IN (SELECT workflow_id FROM known)
    ORDER BY workflow_id, id DESC
), rows AS (
    SELECT workflow_id, period, granularity FROM counted
    UNION
    SELECT workflow_id, 'all', 'all' FROM known
)
SELECT
    %(tenant)s, %(connector)s, %(repository)s, %(name)s, row.workflow_id,
    coalesce(known.name, gone.name, 'workflow ' || row.workflow_id), coalesce(known.path, gone.path),
    row.period, row.granularity,
    coalesce(c.runs, 0), coalesce(c.completed, 0), coalesce(o.by_conclusion, '{}'),
    c.good::numeric / nullif(c.kept, 0),
    c.good::numeric / nullif(c.ran, 0),
    c.duration[1], c.duration[2], c.queue[1], c.queue[2],
    coalesce(f.flaky, 0), coalesce(f.judged, 0), f.flaky::numeric / nullif(f.judged, 0),
    coalesce(c.again, 0), c.again::numeric / nullif(c.runs, 0),
    round(c.runner_s / 60.0, 2)
FROM rows AS row
LEFT JOIN counted AS c USING (workflow_id, period)
LEFT JOIN outcomes AS o USING (workflow_id, period)
LEFT JOIN flaky AS f USING (workflow_id, period)
LEFT JOIN known USING (workflow_id)
LEFT JOIN gone USING (workflow_id)
