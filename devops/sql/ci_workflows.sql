-- The workflows whose figures have to be made again: those of touched runs (as they were and as they are), and changed ones.
SELECT workflow_id FROM ipai_gold_devops.ci_runs
WHERE _connector_id = %(connector)s AND run_id IN (SELECT run_id FROM devops_touched)
UNION
SELECT workflow_id FROM ipai_bronze_devops.workflow_runs
WHERE _connector_id = %(connector)s AND id IN (SELECT run_id FROM devops_touched) AND workflow_id IS NOT NULL
UNION
SELECT id FROM ipai_bronze_devops.workflows
WHERE _connector_id = %(connector)s AND repository_id = %(repository)s AND greatest(_loaded_at, _deleted_at) >= %(since)s
