DELETE FROM ipai_gold_devops.ci_runs
WHERE _connector_id = %(connector)s AND run_id IN (SELECT run_id FROM devops_touched)
