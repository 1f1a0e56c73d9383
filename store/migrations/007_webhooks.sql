-- Several endpoints a tenant. main is the one that /api/account/webhook speaks
-- of: the first that an account without any got. sessions lists the only ones
-- whose events it gets, each between commas of its own (",a,,b,"), '' for all.
-- headers is a JSON object, '' for none; its values are secrets. The former
-- secret signs as well until its time is over.
ALTER TABLE endpoints ADD COLUMN main SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN sessions TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN headers TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN signature_mode TEXT NOT NULL DEFAULT 'both';
ALTER TABLE endpoints ADD COLUMN old_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN old_secret_until BIGINT;
ALTER TABLE endpoints ADD COLUMN disabled_reason TEXT NOT NULL DEFAULT '';

-- The circuit. failures counts the tries that failed since the last success, and
-- takes the place of failing; held_until is 0 or a time before which nothing is
-- tried; opened_at is set while the circuit is open, probes counts the tries
-- since then. proven is 1 from the first success on.
ALTER TABLE endpoints ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN failing_since BIGINT;
ALTER TABLE endpoints ADD COLUMN failed_at BIGINT;
ALTER TABLE endpoints ADD COLUMN opened_at BIGINT;
ALTER TABLE endpoints ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN proven SMALLINT NOT NULL DEFAULT 0;
UPDATE endpoints SET main = 1, failures = failing;
ALTER TABLE endpoints DROP COLUMN failing;
CREATE UNIQUE INDEX endpoints_main ON endpoints (tenant_id) WHERE main = 1;

-- The dead are listed and delivered again.
CREATE INDEX deliveries_dead ON deliveries (endpoint_id, id) WHERE state = 'dead';

-- The tenant is counted as well, of what is under way.
DROP INDEX deliveries_sending;
CREATE INDEX deliveries_sending ON deliveries (endpoint_id, tenant_id) WHERE state = 'sending';
