-- The tables of the GitHub connector. They are there before the first sync, so that gold can stand on them; a sync may add columns.

CREATE TABLE ipai_bronze_devops.repositories (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    name text,
    full_name text,
    owner_login text,
    description text,
    private boolean,
    visibility text,
    fork boolean,
    archived boolean,
    disabled boolean,
    default_branch text,
    language text,
    topics jsonb,
    has_issues boolean,
    size bigint,
    stargazers_count bigint,
    open_issues_count bigint,
    html_url text,
    created_at timestamptz,
    updated_at timestamptz,
    pushed_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.repositories IS 'What the organisation has: one row per repository.';

CREATE TABLE ipai_bronze_devops.issues (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    number bigint,
    title text,
    body text,
    state text,
    state_reason text,
    user_login text,
    closed_by_login text,
    labels jsonb,
    assignees jsonb,
    milestone_number bigint,
    comments bigint,
    locked boolean,
    author_association text,
    html_url text,
    created_at timestamptz,
    updated_at timestamptz,
    closed_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.issues IS 'Issues; pull requests are in pull_requests. labels are names, assignees logins.';
CREATE INDEX ON ipai_bronze_devops.issues (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.pull_requests (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    number bigint,
    title text,
    body text,
    state text,
    draft boolean,
    locked boolean,
    user_login text,
    labels jsonb,
    assignees jsonb,
    requested_reviewers jsonb,
    milestone_number bigint,
    author_association text,
    head_ref text,
    head_sha text,
    head_repository_id bigint,
    base_ref text,
    base_sha text,
    merge_commit_sha text,
    merged_at timestamptz,
    html_url text,
    created_at timestamptz,
    updated_at timestamptz,
    closed_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.pull_requests IS 'Pull requests. merge_commit_sha of one that is not merged is GitHub''s trial merge.';
CREATE INDEX ON ipai_bronze_devops.pull_requests (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.pull_request_commits (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    repository_id bigint NOT NULL,
    pull_request_number bigint NOT NULL,
    sha text NOT NULL,
    position bigint,
    message text,
    author_name text,
    author_login text,
    author_date timestamptz,
    committer_login text,
    committer_date timestamptz,
    parents jsonb,
    html_url text,
    PRIMARY KEY (_connector_id, repository_id, pull_request_number, sha)
);
COMMENT ON TABLE ipai_bronze_devops.pull_request_commits IS 'The commits of pull requests by their original sha; position counts from 1, GitHub lists 250 at most.';

CREATE TABLE ipai_bronze_devops.reviews (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    pull_request_number bigint,
    user_login text,
    state text,
    body text,
    commit_id text,
    author_association text,
    html_url text,
    submitted_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.reviews IS 'Reviews of pull requests. state in upper case, as the REST API says it.';
CREATE INDEX ON ipai_bronze_devops.reviews (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.workflows (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    name text,
    path text,
    state text,
    html_url text,
    created_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.workflows IS 'Workflows of GitHub Actions.';
CREATE INDEX ON ipai_bronze_devops.workflows (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.workflow_runs (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    workflow_id bigint,
    name text,
    display_title text,
    path text,
    head_branch text,
    head_sha text,
    head_repository_id bigint,
    event text,
    status text,
    conclusion text,
    status_order bigint,
    run_number bigint,
    run_attempt bigint,
    actor_login text,
    triggering_actor_login text,
    html_url text,
    created_at timestamptz,
    run_started_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.workflow_runs IS 'Runs of workflows in their latest attempt. status_order: 0 waiting, 1 running, 2 completed.';
CREATE INDEX ON ipai_bronze_devops.workflow_runs (_connector_id, repository_id, created_at);

CREATE TABLE ipai_bronze_devops.workflow_run_attempts (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    run_id bigint NOT NULL,
    run_attempt bigint NOT NULL,
    repository_id bigint,
    workflow_id bigint,
    name text,
    display_title text,
    path text,
    head_branch text,
    head_sha text,
    head_repository_id bigint,
    event text,
    status text,
    conclusion text,
    status_order bigint,
    run_number bigint,
    actor_login text,
    triggering_actor_login text,
    html_url text,
    created_at timestamptz,
    run_started_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, run_id, run_attempt)
);
COMMENT ON TABLE ipai_bronze_devops.workflow_run_attempts IS 'The earlier attempts of runs that were run again; the latest one is in workflow_runs.';
CREATE INDEX ON ipai_bronze_devops.workflow_run_attempts (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.workflow_jobs (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    run_id bigint,
    run_attempt bigint,
    workflow_name text,
    name text,
    head_branch text,
    head_sha text,
    status text,
    conclusion text,
    status_order bigint,
    labels jsonb,
    runner_id bigint,
    runner_name text,
    html_url text,
    created_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.workflow_jobs IS 'Jobs of every attempt of a run; read where the connector asks for jobs.';
CREATE INDEX ON ipai_bronze_devops.workflow_jobs (_connector_id, run_id);
CREATE INDEX ON ipai_bronze_devops.workflow_jobs (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.deployments (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    sha text,
    ref text,
    task text,
    environment text,
    original_environment text,
    description text,
    creator_login text,
    payload jsonb,
    transient_environment boolean,
    production_environment boolean,
    created_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.deployments IS 'Deployments. payload is what the deployer sent: an object, or a string that may hold JSON.';
CREATE INDEX ON ipai_bronze_devops.deployments (_connector_id, repository_id, created_at);

CREATE TABLE ipai_bronze_devops.deployment_statuses (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    deployment_id bigint,
    state text,
    environment text,
    description text,
    creator_login text,
    environment_url text,
    log_url text,
    target_url text,
    created_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.deployment_statuses IS 'Every status of every deployment.';
CREATE INDEX ON ipai_bronze_devops.deployment_statuses (_connector_id, deployment_id);
CREATE INDEX ON ipai_bronze_devops.deployment_statuses (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.commits (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    repository_id bigint NOT NULL,
    sha text NOT NULL,
    message text,
    author_name text,
    author_login text,
    author_date timestamptz,
    committer_login text,
    committer_date timestamptz,
    parents jsonb,
    tree_sha text,
    html_url text,
    PRIMARY KEY (_connector_id, repository_id, sha)
);
COMMENT ON TABLE ipai_bronze_devops.commits IS 'Commits that the default branch reaches. parents are shas in order.';

CREATE TABLE ipai_bronze_devops.releases (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    id bigint NOT NULL,
    repository_id bigint,
    tag_name text,
    name text,
    body text,
    draft boolean,
    prerelease boolean,
    target_commitish text,
    author_login text,
    html_url text,
    created_at timestamptz,
    published_at timestamptz,
    updated_at timestamptz,
    PRIMARY KEY (_connector_id, id)
);
COMMENT ON TABLE ipai_bronze_devops.releases IS 'Releases.';
CREATE INDEX ON ipai_bronze_devops.releases (_connector_id, repository_id);

CREATE TABLE ipai_bronze_devops.spec_files (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    repository_id bigint NOT NULL,
    path text NOT NULL,
    sha text,
    size bigint,
    ref text,
    content text,
    omitted text,
    PRIMARY KEY (_connector_id, repository_id, path)
);
COMMENT ON TABLE ipai_bronze_devops.spec_files IS 'Files under spec/, specs/ and .specify/memory/ of the default branch. omitted says why there is no content.';

CREATE TABLE ipai_bronze_devops.repository_trees (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid NOT NULL,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    repository_id bigint NOT NULL,
    ref text,
    sha text,
    truncated boolean,
    paths jsonb,
    PRIMARY KEY (_connector_id, repository_id)
);
COMMENT ON TABLE ipai_bronze_devops.repository_trees IS 'The paths of all files of the default branch, sorted; truncated when GitHub leaves some out.';

-- What GitHub sent of its own accord. _run_id is the run that loaded the records of a delivery; NULL until then. body is the
-- payload as it came, kept until it is processed; payload is the same as JSON where PostgreSQL can hold it.
CREATE TABLE ipai_bronze_devops.webhook_deliveries (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    _raw jsonb,
    guid text NOT NULL,
    event text NOT NULL,
    action text,
    hook_id bigint,
    delivery_id bigint,
    repository_id bigint,
    repository_full_name text,
    sender_login text,
    headers jsonb,
    body bytea,
    payload jsonb,
    size bigint,
    status text NOT NULL DEFAULT 'received',
    attempts bigint NOT NULL DEFAULT 0,
    receipts bigint NOT NULL DEFAULT 1,
    error text,
    delivered_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    PRIMARY KEY (_connector_id, guid),
    CHECK (status IN ('received', 'processed', 'ignored', 'failed'))
);
COMMENT ON TABLE ipai_bronze_devops.webhook_deliveries IS
    'Deliveries of webhooks, one row per delivery however often it came (receipts). status: received, processed, ignored or failed.';
CREATE INDEX ON ipai_bronze_devops.webhook_deliveries (received_at) WHERE status = 'received';
CREATE INDEX ON ipai_bronze_devops.webhook_deliveries (_connector_id, received_at);

-- As ipai.lakehouse.tables.protect does for the tables that loads make.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'repositories', 'issues', 'pull_requests', 'pull_request_commits', 'reviews',
        'workflows', 'workflow_runs', 'workflow_run_attempts', 'workflow_jobs', 'deployments',
        'deployment_statuses', 'commits', 'releases', 'spec_files', 'repository_trees',
        'webhook_deliveries'
    ] LOOP
        EXECUTE format('ALTER TABLE ipai_bronze_devops.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_and_layer ON ipai_bronze_devops.%I FOR SELECT TO ipai_user USING (_tenant_id = (SELECT'
            ' ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read(%L)))', name, 'bronze_devops'
        );
        EXECUTE format('REVOKE ALL ON ipai_bronze_devops.%I FROM PUBLIC', name);
        EXECUTE format('GRANT SELECT ON ipai_bronze_devops.%I TO ipai_user', name);
    END LOOP;
END
$$;
