-- Partners and rates that these runs changed; all of them where runs is NULL.
DELETE FROM ipai_gold_erp.partners WHERE _connector_id = %(connector)s AND (%(runs)s::uuid[] IS NULL OR id IN (
    SELECT id FROM ipai_bronze_erp.partners WHERE _connector_id = %(connector)s AND _run_id = ANY (%(runs)s)
));
INSERT INTO ipai_gold_erp.partners (_connector_id, _tenant_id, id, name, commercial_partner_id)
SELECT _connector_id, _tenant_id, id, name, commercial_partner_id
FROM ipai_silver_erp.partners WHERE _connector_id = %(connector)s AND (%(runs)s::uuid[] IS NULL OR id IN (
    SELECT id FROM ipai_bronze_erp.partners WHERE _connector_id = %(connector)s AND _run_id = ANY (%(runs)s)
));

DELETE FROM ipai_gold_erp.currency_rates WHERE _connector_id = %(connector)s AND (%(runs)s::uuid[] IS NULL OR id IN (
    SELECT id FROM ipai_bronze_erp.currency_rates WHERE _connector_id = %(connector)s AND _run_id = ANY (%(runs)s)
));
INSERT INTO ipai_gold_erp.currency_rates (_connector_id, _tenant_id, id, currency_id, company_id, date, rate)
SELECT _connector_id, _tenant_id, id, currency_id, company_id, date, rate
FROM ipai_silver_erp.currency_rates WHERE _connector_id = %(connector)s AND (%(runs)s::uuid[] IS NULL OR id IN (
    SELECT id FROM ipai_bronze_erp.currency_rates WHERE _connector_id = %(connector)s AND _run_id = ANY (%(runs)s)
));
