-- options is the JSON of engine.SessionOptions, '' for none.
ALTER TABLE sessions ADD COLUMN options TEXT NOT NULL DEFAULT '';

-- A link by which a stranger may scan a session's QR code, one a session at a
-- time. hash is the SHA-256 of its token; linked_at is when the session was linked.
CREATE TABLE pairing_links (
    hash       TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL,
    session_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    linked_at  BIGINT,
    UNIQUE (tenant_id, session_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX pairing_links_end ON pairing_links (expires_at);
