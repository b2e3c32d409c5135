-- Figures about delivery, one repository at a time: rows of a repository are replaced together when its bronze rows change.
-- People and agents who may not read bronze read these, so nothing here is a view over bronze.

CREATE TABLE ipai_gold_devops.repositories (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    html_url text,
    default_branch text,
    archived boolean NOT NULL DEFAULT false,
    first_commit_at timestamptz,
    as_of timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    made_from jsonb NOT NULL,
    PRIMARY KEY (_connector_id, repository_id)
);
COMMENT ON TABLE ipai_gold_devops.repositories IS 'Repositories whose figures are here.';
COMMENT ON COLUMN ipai_gold_devops.repositories.first_commit_at IS 'When its loaded history begins: the window of all figures goes from here to as_of.';
COMMENT ON COLUMN ipai_gold_devops.repositories.as_of IS 'The instant that counts as now in its figures.';
COMMENT ON COLUMN ipai_gold_devops.repositories.made_from IS 'What the figures were made from: for each part the instant before which every committed row was seen.';

CREATE TABLE ipai_gold_devops.ci_runs (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    run_id bigint NOT NULL,
    workflow_id bigint NOT NULL,
    run_number bigint,
    title text,
    event text,
    branch text,
    head_sha text,
    actor text,
    attempt integer NOT NULL,
    status text,
    conclusion text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    updated_at timestamptz,
    ran boolean NOT NULL,
    duration_s bigint,
    queue_s bigint,
    runner_s bigint,
    html_url text,
    PRIMARY KEY (_connector_id, run_id)
);
CREATE INDEX ci_runs_workflow ON ipai_gold_devops.ci_runs (_connector_id, repository_id, workflow_id, created_at);
COMMENT ON TABLE ipai_gold_devops.ci_runs IS 'Workflow runs by their latest attempt: the rows behind ci_metrics.';
COMMENT ON COLUMN ipai_gold_devops.ci_runs.ran IS 'The latest attempt concluded success, failure or timed_out: it has a duration.';
COMMENT ON COLUMN ipai_gold_devops.ci_runs.queue_s IS 'Until the first job began; NULL where jobs were not loaded.';
COMMENT ON COLUMN ipai_gold_devops.ci_runs.runner_s IS 'Time of all jobs of all attempts on runners; NULL where jobs were not loaded.';

CREATE TABLE ipai_gold_devops.ci_flaky_groups (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    workflow_id bigint NOT NULL,
    head_sha text NOT NULL,
    first_run_at timestamptz NOT NULL,
    succeeded boolean NOT NULL,
    failed boolean NOT NULL,
    attempts integer NOT NULL,
    run_ids bigint[] NOT NULL,
    PRIMARY KEY (_connector_id, workflow_id, head_sha)
);
CREATE INDEX ci_flaky_groups_repository ON ipai_gold_devops.ci_flaky_groups (_connector_id, repository_id);
COMMENT ON TABLE ipai_gold_devops.ci_flaky_groups IS 'Attempts of one workflow on one commit: flaky when some succeeded and some failed.';

CREATE TABLE ipai_gold_devops.ci_metrics (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    workflow_id bigint NOT NULL,
    workflow text NOT NULL,
    path text,
    period text NOT NULL,
    granularity text NOT NULL CHECK (granularity IN ('day', 'month', 'all')),
    runs bigint NOT NULL,
    completed bigint NOT NULL,
    by_conclusion jsonb NOT NULL,
    success_rate numeric,
    success_rate_ran numeric,
    duration_p50_s bigint,
    duration_p95_s bigint,
    queue_p50_s bigint,
    queue_p95_s bigint,
    flaky_groups bigint NOT NULL,
    judged_groups bigint NOT NULL,
    flaky_rate numeric,
    rerun_runs bigint NOT NULL,
    rerun_rate numeric,
    runner_minutes numeric,
    PRIMARY KEY (_connector_id, workflow_id, period)
);
CREATE INDEX ci_metrics_repository ON ipai_gold_devops.ci_metrics (_connector_id, repository_id);
CREATE INDEX ci_metrics_period ON ipai_gold_devops.ci_metrics (_tenant_id, granularity, period);
COMMENT ON TABLE ipai_gold_devops.ci_metrics IS 'Workflows by UTC day (2026-01-31), month (2026-01) and in all, by their runs'' created_at.';

CREATE TABLE ipai_gold_devops.ci_status (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    workflow_id bigint NOT NULL,
    workflow text NOT NULL,
    workflow_state text,
    branch text NOT NULL,
    state text NOT NULL CHECK (state IN ('green', 'red', 'unknown')),
    running boolean NOT NULL,
    since timestamptz,
    runs_in_state bigint NOT NULL,
    turned_by text,
    turned_sha text,
    turned_run_id bigint,
    turned_url text,
    last_run_id bigint NOT NULL,
    last_run_at timestamptz NOT NULL,
    last_conclusion text,
    last_actor text,
    last_url text,
    PRIMARY KEY (_connector_id, workflow_id)
);
CREATE INDEX ci_status_repository ON ipai_gold_devops.ci_status (_connector_id, repository_id);
COMMENT ON TABLE ipai_gold_devops.ci_status IS 'Workflows on the default branch: green or red by the last run that succeeded, failed or timed out, since when, and who turned it.';

CREATE TABLE ipai_gold_devops.ci_anomalies (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    workflow_id bigint NOT NULL,
    workflow text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('slower', 'failing', 'flakier')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    value numeric NOT NULL,
    usual numeric NOT NULL,
    score numeric NOT NULL,
    explanation text NOT NULL,
    PRIMARY KEY (_connector_id, workflow_id, kind)
);
CREATE INDEX ci_anomalies_repository ON ipai_gold_devops.ci_anomalies (_connector_id, repository_id);
COMMENT ON TABLE ipai_gold_devops.ci_anomalies IS 'Workflows that were slower, failed more or were flakier in the last week than in the weeks before.';

CREATE TABLE ipai_gold_devops.deployment_timeline (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    deployment_id bigint NOT NULL,
    environment text NOT NULL,
    production boolean NOT NULL,
    sha text NOT NULL,
    ref text NOT NULL,
    description text,
    creator text,
    created_at timestamptz NOT NULL,
    states text[] NOT NULL,
    state text,
    succeeded_at timestamptz,
    changes bigint NOT NULL DEFAULT 0,
    failed boolean NOT NULL,
    failed_by text,
    incidents bigint[] NOT NULL,
    recovered_at timestamptz,
    recovery_s bigint,
    rolled_back_by bigint,
    rework boolean NOT NULL,
    rework_by text,
    notes jsonb NOT NULL,
    html_url text,
    PRIMARY KEY (_connector_id, deployment_id)
);
CREATE INDEX deployment_timeline_repository ON ipai_gold_devops.deployment_timeline (_connector_id, repository_id);
CREATE INDEX deployment_timeline_created ON ipai_gold_devops.deployment_timeline (_tenant_id, created_at, deployment_id);
COMMENT ON TABLE ipai_gold_devops.deployment_timeline IS 'Deployments with the states they went through, and in production whether they failed or were repairs, and why.';
COMMENT ON COLUMN ipai_gold_devops.deployment_timeline.failed IS 'An incident names it, or the next successful production deployment rolled it back.';

CREATE TABLE ipai_gold_devops.changes (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    sha text NOT NULL,
    landed_sha text NOT NULL,
    method text NOT NULL CHECK (method IN ('merge', 'squash', 'rebase', 'direct', 'unknown')),
    pull_number bigint,
    message text,
    author text,
    authored_at timestamptz,
    deployment_id bigint,
    deployed_at timestamptz,
    lead_s bigint,
    notes jsonb NOT NULL,
    html_url text,
    PRIMARY KEY (_connector_id, repository_id, sha)
);
CREATE INDEX changes_deployment ON ipai_gold_devops.changes (_connector_id, deployment_id);
CREATE INDEX changes_authored ON ipai_gold_devops.changes (_tenant_id, authored_at, sha);
COMMENT ON TABLE ipai_gold_devops.changes IS 'Commits of merged pull requests and direct commits, with the deployment that first brought them to production.';

CREATE TABLE ipai_gold_devops.incidents (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    number bigint NOT NULL,
    title text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    deployments bigint[] NOT NULL,
    notes jsonb NOT NULL,
    html_url text,
    PRIMARY KEY (_connector_id, repository_id, number)
);
COMMENT ON TABLE ipai_gold_devops.incidents IS 'Issues labelled incident, and the deployments that their text names.';

CREATE TABLE ipai_gold_devops.dora_counts (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    period text NOT NULL,
    attempts bigint NOT NULL,
    deployments bigint NOT NULL,
    deployed_changes bigint NOT NULL,
    lead_p50_s bigint,
    lead_p95_s bigint,
    changes bigint NOT NULL,
    covered bigint NOT NULL,
    failed bigint NOT NULL,
    recovered bigint NOT NULL,
    recovery_p50_s bigint,
    rework bigint NOT NULL,
    PRIMARY KEY (_connector_id, repository_id, period)
);
COMMENT ON TABLE ipai_gold_devops.dora_counts IS 'What the five metrics are made from, by UTC month (2026-01) and in all; only periods that have something.';

CREATE TABLE ipai_gold_devops.spec_compliance (
    _tenant_id uuid NOT NULL,
    _connector_id uuid NOT NULL,
    repository_id bigint NOT NULL,
    repository text NOT NULL,
    bundle text NOT NULL,
    layout text NOT NULL CHECK (layout IN ('bundle', 'spec-kit')),
    compliant boolean NOT NULL,
    problems text[] NOT NULL,
    findings jsonb NOT NULL,
    tasks_done bigint NOT NULL,
    tasks_total bigint NOT NULL,
    requirements bigint NOT NULL,
    requirements_with_task bigint NOT NULL,
    requirements_without_task text[] NOT NULL,
    missing_paths jsonb NOT NULL,
    html_url text,
    PRIMARY KEY (_connector_id, repository_id, bundle)
);
COMMENT ON TABLE ipai_gold_devops.spec_compliance IS 'Spec Kit bundles on the default branch: what each lacks.';
COMMENT ON COLUMN ipai_gold_devops.spec_compliance.problems IS 'Why it does not comply: rule and file, as in missing: spec/portal/prd.md.';
COMMENT ON COLUMN ipai_gold_devops.spec_compliance.findings IS 'Every error and warning with file, line, rule and message.';

-- The five metrics. Each month of the window has a row; the days of the current one go to as_of.
CREATE VIEW ipai_gold_devops.dora WITH (security_invoker = true) AS
SELECT
    r._tenant_id, r._connector_id, r.repository_id, r.repository, p.period, p.days,
    coalesce(c.attempts, 0) AS production_attempts,
    coalesce(c.deployments, 0) AS deployments,
    coalesce(c.deployments, 0) / nullif(p.days, 0) AS deployment_frequency,
    coalesce(c.deployed_changes, 0) AS deployed_changes,
    c.lead_p50_s AS change_lead_time_s,
    c.lead_p95_s AS change_lead_time_p95_s,
    coalesce(c.changes, 0) AS changes,
    c.covered::numeric / nullif(c.changes, 0) AS lead_time_coverage,
    coalesce(c.failed, 0) AS failed,
    c.failed::numeric / nullif(c.deployments, 0) AS change_fail_rate,
    c.recovery_p50_s AS failed_deployment_recovery_s,
    coalesce(c.recovered, 0) AS recovered,
    coalesce(c.failed - c.recovered, 0) AS not_recovered,
    coalesce(c.rework, 0) AS rework,
    c.rework::numeric / nullif(c.deployments, 0) AS deployment_rework_rate,
    r.as_of
FROM ipai_gold_devops.repositories AS r
CROSS JOIN LATERAL (
    SELECT 'all' AS period, extract(epoch FROM r.as_of - r.first_commit_at) / 86400 AS days
    UNION ALL
    SELECT
        to_char(month, 'YYYY-MM'),
        extract(epoch FROM least(month + interval '1 month', r.as_of AT TIME ZONE 'UTC')
                           - greatest(month, r.first_commit_at AT TIME ZONE 'UTC')) / 86400
    FROM generate_series(
        date_trunc('month', r.first_commit_at AT TIME ZONE 'UTC'), r.as_of AT TIME ZONE 'UTC', interval '1 month'
    ) AS month
    WHERE month < r.as_of AT TIME ZONE 'UTC'
) AS p
LEFT JOIN ipai_gold_devops.dora_counts AS c
    ON c._connector_id = r._connector_id AND c.repository_id = r.repository_id AND c.period = p.period
WHERE r.first_commit_at IS NOT NULL;
COMMENT ON VIEW ipai_gold_devops.dora IS 'The five DORA metrics by repository and UTC month, and in all, with what they rest on.';

-- What a figure leaves out or takes for granted, and why: one row for each.
CREATE VIEW ipai_gold_devops.dora_items WITH (security_invoker = true) AS
SELECT
    item._tenant_id, item._connector_id, item.repository_id, item.repository, item.item_type, item.item,
    to_char(item.at AT TIME ZONE 'UTC', 'YYYY-MM') AS period, item.at,
    note ->> 'metric' AS metric, note ->> 'kind' AS kind, note ->> 'reason' AS reason, item.html_url
FROM (
    SELECT _tenant_id, _connector_id, repository_id, repository, 'change' AS item_type, sha AS item, authored_at AS at, notes, html_url
    FROM ipai_gold_devops.changes
    UNION ALL
    SELECT _tenant_id, _connector_id, repository_id, repository, 'deployment', deployment_id::text, coalesce(succeeded_at, created_at), notes,
           html_url
    FROM ipai_gold_devops.deployment_timeline
    UNION ALL
    SELECT _tenant_id, _connector_id, repository_id, repository, 'incident', number::text, opened_at, notes, html_url
    FROM ipai_gold_devops.incidents
) AS item
CROSS JOIN LATERAL jsonb_array_elements(item.notes) AS note;
COMMENT ON VIEW ipai_gold_devops.dora_items IS 'Changes, deployments and incidents that a metric leaves out (excluded) or rests on by inference (inferred).';

DO $$
DECLARE
    gold text;
BEGIN
    FOREACH gold IN ARRAY ARRAY[
        'repositories', 'ci_runs', 'ci_flaky_groups', 'ci_metrics', 'ci_status', 'ci_anomalies', 'deployment_timeline', 'changes',
        'incidents', 'dora_counts', 'spec_compliance'
    ] LOOP
        EXECUTE format('ALTER TABLE ipai_gold_devops.%I ENABLE ROW LEVEL SECURITY', gold);
        EXECUTE format(
            'CREATE POLICY tenant_and_layer ON ipai_gold_devops.%I FOR SELECT TO ipai_user'
            ' USING (_tenant_id = (SELECT ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read(''gold_devops'')))', gold
        );
    END LOOP;
    FOR gold IN SELECT relname FROM pg_class WHERE relnamespace = 'ipai_gold_devops'::regnamespace AND relkind IN ('r', 'v') LOOP
        EXECUTE format('REVOKE ALL ON ipai_gold_devops.%I FROM PUBLIC', gold);
        EXECUTE format('GRANT SELECT ON ipai_gold_devops.%I TO ipai_user', gold);
    END LOOP;
END
$$;

-- How a refresh finds what changed: the newest change of a repository's rows is one step into an index.
DO $$
DECLARE
    bronze text;
BEGIN
    FOREACH bronze IN ARRAY ARRAY[
        'issues', 'pull_requests', 'pull_request_commits', 'workflows', 'workflow_runs', 'workflow_run_attempts', 'workflow_jobs',
        'deployments', 'deployment_statuses', 'commits', 'spec_files', 'repository_trees'
    ] LOOP
        EXECUTE format(
            'CREATE INDEX %I ON ipai_bronze_devops.%I (_connector_id, repository_id, greatest(_loaded_at, _deleted_at))',
            bronze || '_changed', bronze
        );
    END LOOP;
END
$$;
