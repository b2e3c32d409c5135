-- Touched runs by their latest attempt.
INSERT INTO ipai_gold_devops.ci_runs
SELECT
    run._tenant_id, run._connector_id, run.repository_id, run.id, run.workflow_id, run.run_number,
    coalesce(run.display_title, run.name), run.event, run.head_branch, run.head_sha,
    coalesce(run.triggering_actor_login, run.actor_login), coalesce(run.run_attempt, 1), run.status, run.conclusion,
    run.created_at, run.run_started_at, run.updated_at,
    judged.ran,
    CASE WHEN judged.ran THEN round(extract(epoch FROM run.updated_at - run.run_started_at)) END,
    CASE WHEN judged.ran THEN round(extract(epoch FROM jobs.began_at - run.run_started_at)) END,
    round(jobs.seconds),
    run.html_url
FROM ipai_bronze_devops.workflow_runs AS run
CROSS JOIN LATERAL (
    SELECT coalesce(run.status = 'completed' AND run.conclusion IN ('success', 'failure', 'timed_out'), false) AS ran
) AS judged
CROSS JOIN LATERAL (  -- one step into an index for each run, whatever the planner knows of new rows
    SELECT min(job.started_at) FILTER (WHERE job.run_attempt = coalesce(run.run_attempt, 1)) AS began_at,
           sum(extract(epoch FROM job.completed_at - job.started_at)) FILTER (WHERE job.conclusion <> 'skipped') AS seconds
    FROM ipai_bronze_devops.workflow_jobs AS job
    WHERE job._connector_id = run._connector_id AND job.run_id = run.id AND job._deleted_at IS NULL
) AS jobs
WHERE run._connector_id = %(connector)s AND run.repository_id = %(repository)s AND run._deleted_at IS NULL
  AND run.id IN (SELECT run_id FROM devops_touched) AND run.workflow_id IS NOT NULL AND run.created_at IS NOT NULL
