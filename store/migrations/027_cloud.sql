-- Sessions that reach WhatsApp over Meta's official API, by number of theirs.
CREATE TABLE cloud_numbers (
    tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id      TEXT NOT NULL,
    device          TEXT NOT NULL UNIQUE,
    phone_number_id TEXT NOT NULL,
    base_url        TEXT NOT NULL,
    access_token    TEXT NOT NULL, -- sealed where the store is encrypted, as are the next two
    app_secret      TEXT NOT NULL,
    verify_token    TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
CREATE INDEX cloud_numbers_phone ON cloud_numbers (phone_number_id);
