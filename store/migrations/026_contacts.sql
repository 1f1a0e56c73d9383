-- The people whom a tenant has written with, or has entered.
CREATE TABLE contacts (
    id         TEXT PRIMARY KEY, -- a UUID
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    phone      TEXT NOT NULL, -- digits; '' if not known
    lid        TEXT NOT NULL,
    name       TEXT NOT NULL,
    push_name  TEXT NOT NULL,
    tags       TEXT NOT NULL, -- JSON
    custom     TEXT NOT NULL, -- JSON
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX contacts_phone ON contacts (tenant_id, phone) WHERE phone <> '';
CREATE UNIQUE INDEX contacts_lid ON contacts (tenant_id, lid) WHERE lid <> '';

-- Conversations that a tenant shows to everybody.
CREATE TABLE publications (
    id         TEXT PRIMARY KEY, -- random
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    chat       TEXT NOT NULL,
    title      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, session_id, chat)
);
