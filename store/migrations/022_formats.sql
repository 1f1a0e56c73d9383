-- How deliveries to an endpoint look, and by which place of Meta's Graph API it was
-- set: 'app', 'waba', 'phone:<digits>', '' for none. A place has one endpoint.
ALTER TABLE endpoints ADD COLUMN format TEXT NOT NULL DEFAULT 'wapiconnect';
ALTER TABLE endpoints ADD COLUMN origin TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX endpoints_origin ON endpoints (tenant_id, origin) WHERE origin <> '';

-- Whether a tenant's app gets the events of its business account.
ALTER TABLE apps ADD COLUMN subscribed SMALLINT NOT NULL DEFAULT 1;
