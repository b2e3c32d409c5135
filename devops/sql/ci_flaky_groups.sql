-- Attempts of a workflow on one commit, over all its runs. A group belongs to the time of its first run.
INSERT INTO ipai_gold_devops.ci_flaky_groups
WITH attempts AS (
    SELECT run_id, workflow_id, head_sha, created_at, conclusion, status FROM ipai_gold_devops.ci_runs
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
    UNION ALL
    SELECT run.run_id, run.workflow_id, run.head_sha, run.created_at, earlier.conclusion, earlier.status
    FROM ipai_bronze_devops.workflow_run_attempts AS earlier
    JOIN ipai_gold_devops.ci_runs AS run ON run._connector_id = earlier._connector_id AND run.run_id = earlier.run_id
    WHERE earlier._connector_id = %(connector)s AND earlier.repository_id = %(repository)s AND earlier._deleted_at IS NULL
      AND run.workflow_id = ANY (%(workflows)s) AND earlier.run_attempt < run.attempt
)
SELECT
    %(tenant)s, %(connector)s, %(repository)s, workflow_id, head_sha, min(created_at),
    coalesce(bool_or(conclusion = 'success' AND status = 'completed'), false),
    coalesce(bool_or(conclusion IN ('failure', 'timed_out') AND status = 'completed'), false),
    count(*),
    array_agg(DISTINCT run_id)
FROM attempts
WHERE head_sha IS NOT NULL
GROUP BY workflow_id, head_sha
