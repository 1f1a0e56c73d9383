-- What a tenant may do, and what its keys may. NULL is "no limit" or "the
-- daemon's default". erasing_at is set from the moment on which the operator
-- deletes a tenant: its rows go after it, and a restart goes on with that.
ALTER TABLE tenants ADD COLUMN daily_limit INTEGER;
ALTER TABLE tenants ADD COLUMN max_sessions INTEGER;
ALTER TABLE tenants ADD COLUMN rate_limit INTEGER;
ALTER TABLE tenants ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE tenants ADD COLUMN retention_days INTEGER;
ALTER TABLE tenants ADD COLUMN suspended_at BIGINT;
ALTER TABLE tenants ADD COLUMN erasing_at BIGINT;
ALTER TABLE tenants ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE tenants SET updated_at = created_at;

-- sessions is a JSON array of the only sessions that a key reaches, NULL for
-- all. main marks the key that the account's reset replaces.
ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'manage';
ALTER TABLE api_keys ADD COLUMN sessions TEXT;
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;
ALTER TABLE api_keys ADD COLUMN used_at BIGINT;
ALTER TABLE api_keys ADD COLUMN main SMALLINT NOT NULL DEFAULT 0;
UPDATE api_keys SET main = 1 WHERE id IN
    (SELECT min(k.id) FROM api_keys k WHERE k.fixed = (SELECT max(f.fixed) FROM api_keys f WHERE f.tenant_id = k.tenant_id) GROUP BY k.tenant_id);
CREATE UNIQUE INDEX api_keys_main ON api_keys (tenant_id) WHERE main = 1;

-- tenant_id refers to nothing: the log outlives the tenant that it tells of.
-- details is JSON and holds no secret.
CREATE TABLE audit (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    details    TEXT NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant_id, id);
CREATE INDEX audit_action ON audit (action, id);
