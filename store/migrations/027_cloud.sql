-- Sessions that reach WhatsApp over Meta's official API, by number of theirs.
CREATE TABLE cloud_numbers (
    tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id      TEXT NOT NULL,
    device          TEXT NOT NULL UNIQUE,
    phone_number_id TEXT NOT NULL,
    waba_id         TEXT NOT NULL, -- '' where it was not given
    base_url        TEXT NOT NULL,
    access_token    TEXT NOT NULL, -- sealed where the store is encrypted, as is the next
    app_secret      TEXT NOT NULL,
    verify_hash     TEXT NOT NULL, -- SHA-256 of the verify token, hexadecimal
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
);
CREATE INDEX cloud_numbers_phone ON cloud_numbers (phone_number_id);
CREATE INDEX cloud_numbers_verify ON cloud_numbers (verify_hash);

-- Messages that were given to Meta, which knows each by a wamid of its own. The row is
-- there before the message leaves, and its wamid once Meta has told it: without one
-- nobody knows whether Meta has the message.
CREATE TABLE cloud_messages (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    id         TEXT NOT NULL, -- ours
    wamid      TEXT NOT NULL, -- '' until it is known
    chat       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id, id)
);
CREATE UNIQUE INDEX cloud_messages_wamid ON cloud_messages (tenant_id, session_id, wamid) WHERE wamid <> '';
CREATE INDEX cloud_messages_age ON cloud_messages (created_at);
