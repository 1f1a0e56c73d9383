-- A bulk job and its items.
CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id),
    session_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
