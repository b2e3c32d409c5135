-- All runs of a stretch of time: the pages list them newest first and sum them by week. What is summed is in the index.
CREATE INDEX ci_runs_created ON ipai_gold_devops.ci_runs (_tenant_id, created_at, run_id)
INCLUDE (repository_id, status, conclusion, duration_s);
