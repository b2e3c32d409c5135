-- The next sync after the tables are made again reads everything again; deliveries of webhooks are lost.
DROP TABLE ipai_bronze_devops.webhook_deliveries;
DROP TABLE ipai_bronze_devops.repository_trees;
DROP TABLE ipai_bronze_devops.spec_files;
DROP TABLE ipai_bronze_devops.releases;
DROP TABLE ipai_bronze_devops.commits;
DROP TABLE ipai_bronze_devops.deployment_statuses;
DROP TABLE ipai_bronze_devops.deployments;
DROP TABLE ipai_bronze_devops.workflow_jobs;
DROP TABLE ipai_bronze_devops.workflow_run_attempts;
DROP TABLE ipai_bronze_devops.workflow_runs;
DROP TABLE ipai_bronze_devops.workflows;
DROP TABLE ipai_bronze_devops.reviews;
DROP TABLE ipai_bronze_devops.pull_request_commits;
DROP TABLE ipai_bronze_devops.pull_requests;
DROP TABLE ipai_bronze_devops.issues;
DROP TABLE ipai_bronze_devops.repositories;
