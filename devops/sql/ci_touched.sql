-- The runs of a repository that changed since an instant, by themselves, their earlier attempts or their jobs.
CREATE TEMPORARY TABLE devops_touched ON COMMIT DROP AS
SELECT id AS run_id FROM ipai_bronze_devops.workflow_runs
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND greatest(_loaded_at, _deleted_at) >= %(since)s
UNION
SELECT run_id FROM ipai_bronze_devops.workflow_run_attempts
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND greatest(_loaded_at, _deleted_at) >= %(since)s
UNION
SELECT run_id FROM ipai_bronze_devops.workflow_jobs
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND greatest(_loaded_at, _deleted_at) >= %(since)s
