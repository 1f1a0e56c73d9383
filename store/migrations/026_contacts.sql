-- The people who have written to a tenant, or whom it has entered. Each has a phone
-- number, a LID, or both.
CREATE TABLE contacts (
    id         TEXT PRIMARY KEY, -- a UUID
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    phone      TEXT NOT NULL, -- an address, as in messages; '' if not known
    lid        TEXT NOT NULL,
    name       TEXT NOT NULL, -- that the tenant gave
    push_name  TEXT NOT NULL, -- that the person chose
    tags       TEXT NOT NULL, -- JSON; '' for none
    custom     TEXT NOT NULL, -- JSON; '' for nothing
    entered    INTEGER NOT NULL, -- 1 once the tenant has entered or changed it: retention leaves it
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX contacts_phone ON contacts (tenant_id, phone) WHERE phone <> '';
CREATE UNIQUE INDEX contacts_lid ON contacts (tenant_id, lid) WHERE lid <> '';
CREATE INDEX contacts_list ON contacts (tenant_id, created_at, id);

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
