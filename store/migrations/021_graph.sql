-- What Meta's Graph API would call objects: decimal ids in one flat namespace.
CREATE TABLE graph_objects (
    id         BIGINT PRIMARY KEY, -- random, 15 digits, below 2^53
    kind       TEXT NOT NULL,      -- app, waba, phone, template, media
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    ref        TEXT NOT NULL,      -- what it stands for; of a phone its digits
    session_id TEXT NOT NULL,      -- of a phone: the session that was linked to it last
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, kind, ref)
);
CREATE INDEX sessions_phone ON sessions (tenant_id, phone) WHERE phone <> '';

-- A tenant's app: what keys and verifies webhooks in Meta's format.
CREATE TABLE apps (
    tenant_id    TEXT PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    secret       TEXT NOT NULL, -- sealed where the store is encrypted
    verify_token TEXT NOT NULL, -- likewise
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
