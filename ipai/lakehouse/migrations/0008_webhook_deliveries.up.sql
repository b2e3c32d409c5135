-- Nothing has written this table before: it is made anew with the columns that receiving and processing need.
DROP TABLE ipai_bronze_devops.webhook_deliveries;

CREATE TABLE ipai_bronze_devops.webhook_deliveries (
    _connector_id uuid NOT NULL,
    _tenant_id uuid NOT NULL,
    _run_id uuid,
    _loaded_at timestamptz NOT NULL DEFAULT now(),
    _deleted_at timestamptz,
    delivery_id text NOT NULL,
    event text NOT NULL,
    action text,
    repository_id bigint,
    hook_id bigint,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    happened_at timestamptz,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed', 'ignored')),
    attempts smallint NOT NULL DEFAULT 0,
    receipts integer NOT NULL DEFAULT 1,
    retry_at timestamptz,
    processed_at timestamptz,
    error text,
    payload bytea,
    payload_bytes integer NOT NULL DEFAULT 0,
    PRIMARY KEY (_connector_id, delivery_id)
);
COMMENT ON TABLE ipai_bronze_devops.webhook_deliveries IS
    'Webhook calls as received, one row per delivery however often it came (receipts). payload is UTF-8 JSON, NULL after its time.';
CREATE INDEX webhook_deliveries_pending ON ipai_bronze_devops.webhook_deliveries (_connector_id, received_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_newest ON ipai_bronze_devops.webhook_deliveries (_connector_id, received_at DESC, delivery_id DESC);
CREATE INDEX webhook_deliveries_processed ON ipai_bronze_devops.webhook_deliveries (processed_at);
CREATE INDEX webhook_deliveries_payload ON ipai_bronze_devops.webhook_deliveries (received_at) WHERE payload IS NOT NULL;

ALTER TABLE ipai_bronze_devops.webhook_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_and_layer ON ipai_bronze_devops.webhook_deliveries FOR SELECT TO ipai_user
    USING (_tenant_id = (SELECT ipai_auth.tenant_id()) AND (SELECT ipai_auth.can_read('bronze_devops')));
REVOKE ALL ON ipai_bronze_devops.webhook_deliveries FROM PUBLIC;
GRANT SELECT ON ipai_bronze_devops.webhook_deliveries TO ipai_user;
