DROP VIEW ipai_gold_devops.dora_items;
DROP VIEW ipai_gold_devops.dora;
DROP TABLE
    ipai_gold_devops.repositories, ipai_gold_devops.ci_runs, ipai_gold_devops.ci_flaky_groups, ipai_gold_devops.ci_metrics,
    ipai_gold_devops.ci_status, ipai_gold_devops.ci_anomalies, ipai_gold_devops.deployment_timeline, ipai_gold_devops.changes,
    ipai_gold_devops.incidents, ipai_gold_devops.dora_counts, ipai_gold_devops.spec_compliance;
DROP INDEX
    ipai_bronze_devops.issues_changed, ipai_bronze_devops.pull_requests_changed, ipai_bronze_devops.pull_request_commits_changed,
    ipai_bronze_devops.workflows_changed, ipai_bronze_devops.workflow_runs_changed,
    ipai_bronze_devops.workflow_run_attempts_changed, ipai_bronze_devops.workflow_jobs_changed,
    ipai_bronze_devops.deployments_changed, ipai_bronze_devops.deployment_statuses_changed, ipai_bronze_devops.commits_changed,
    ipai_bronze_devops.spec_files_changed, ipai_bronze_devops.repository_trees_changed;
