-- As 0007_bronze_devops made it.
DROP TABLE ipai_bronze_devops.webhook_deliveries;

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

ALTER TABLE ipai_bronze_devops.webhook_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_and_layer ON ipai_bronze_devops.webhook_deliveries FOR SELECT TO ipai_user
    USING (_tenant_id = (SELECT ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read('bronze_devops')));
REVOKE ALL ON ipai_bronze_devops.webhook_deliveries FROM PUBLIC;
GRANT SELECT ON ipai_bronze_devops.webhook_deliveries TO ipai_user;
