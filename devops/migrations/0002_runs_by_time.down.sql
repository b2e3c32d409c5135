DROP INDEX ipai_gold_devops.ci_runs_created;
