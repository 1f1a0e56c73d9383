-- Files that were uploaded ahead of the messages that carry them.
CREATE TABLE media_files (
    id         TEXT PRIMARY KEY, -- a UUID
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL, -- of the number that it was uploaded for
    mime       TEXT NOT NULL,
    name       TEXT NOT NULL,
    size       BIGINT NOT NULL, -- bytes
    sha256     BLOB NOT NULL,
    path       TEXT NOT NULL, -- below the data directory
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX media_files_tenant ON media_files (tenant_id, size); -- sums up what a tenant keeps
CREATE INDEX media_files_expiry ON media_files (expires_at);

-- What a number was told not to tell through the On-Premises API's webhooks.
CREATE TABLE onprem_numbers (
    tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    phone       TEXT NOT NULL, -- digits
    sent_status SMALLINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, phone)
);
