-- Workflows on the default branch. Only runs that succeeded, failed or timed out decide; cancelled and skipped ones do not.
INSERT INTO ipai_gold_devops.ci_status
WITH mine AS (
    SELECT *,
           CASE
               WHEN status <> 'completed' THEN NULL
               WHEN conclusion = 'success' THEN 'green'
               WHEN conclusion IN ('failure', 'timed_out', 'startup_failure') THEN 'red'
           END AS state
    FROM ipai_gold_devops.ci_runs
    WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND workflow_id = ANY (%(workflows)s)
      AND branch = %(branch)s AND event NOT LIKE 'pull\_request%%'
), decided AS (
    SELECT *, first_value(state) OVER newest AS state_now FROM mine WHERE state IS NOT NULL
    WINDOW newest AS (PARTITION BY workflow_id ORDER BY created_at DESC, run_id DESC)
), streak AS (
    SELECT *, count(*) FILTER (WHERE state <> state_now) OVER newest AS turns FROM decided
    WINDOW newest AS (PARTITION BY workflow_id ORDER BY created_at DESC, run_id DESC ROWS UNBOUNDED PRECEDING)
), turned AS (
    SELECT DISTINCT ON (workflow_id)
           workflow_id, state, updated_at AS since, actor, head_sha, run_id, html_url, count(*) OVER (PARTITION BY workflow_id) AS runs
    FROM streak WHERE turns = 0
    ORDER BY workflow_id, created_at, run_id
), last AS (
    SELECT DISTINCT ON (workflow_id) * FROM mine ORDER BY workflow_id, created_at DESC, run_id DESC
)
SELECT
    %(tenant)s, %(connector)s, %(repository)s, %(name)s, last.workflow_id,
    coalesce(known.name, 'workflow ' || last.workflow_id), known.state, %(branch)s,
    coalesce(turned.state, 'unknown'), last.status <> 'completed', turned.since, coalesce(turned.runs, 0),
    turned.actor, turned.head_sha, turned.run_id, turned.html_url,
    last.run_id, last.created_at, last.conclusion, last.actor, last.html_url
FROM last
LEFT JOIN turned USING (workflow_id)
JOIN ipai_bronze_devops.workflows AS known
    ON known._connector_id = %(connector)s AND known.id = last.workflow_id AND known._deleted_at IS NULL
