-- Messages get a number, in the order in which they were logged: it tells apart
-- those of the same millisecond, in far less room than their ids take in each index.
CREATE TABLE messages_next (
    seq        INTEGER PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id),
    session_id TEXT NOT NULL,
    direction  TEXT NOT NULL,
    id         TEXT NOT NULL,
    origin     TEXT NOT NULL,
    chat       TEXT NOT NULL,
    peer_phone TEXT NOT NULL,
    peer_lid   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    status     TEXT NOT NULL,
    error_code TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at    BIGINT,
    status_at  BIGINT,
    counted_on TEXT NOT NULL DEFAULT '',
    push_name  TEXT NOT NULL DEFAULT '',
    body       TEXT NOT NULL,
    details    TEXT NOT NULL DEFAULT '',
    payload    BLOB
);
INSERT INTO messages_next (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, kind, status, error_code,
        created_at, sent_at, status_at, counted_on, push_name, body, details, payload)
    SELECT tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, kind, status, error_code,
        created_at, sent_at, status_at, counted_on, push_name, body, details, payload FROM messages;
DROP TABLE messages;
ALTER TABLE messages_next RENAME TO messages;

-- It is made when the rows are there, as are the others: entries in the order of random
-- ids, one by one, would take hours.
CREATE UNIQUE INDEX messages_id ON messages (tenant_id, session_id, direction, id, origin);
-- The log is listed newest first, and counted, from its indexes alone.
CREATE INDEX messages_log ON messages (tenant_id, created_at, seq, session_id, direction, status, kind);
CREATE INDEX messages_time ON messages (tenant_id, session_id, created_at, seq, direction, status, kind);
CREATE INDEX messages_phone ON messages (tenant_id, peer_phone, created_at, seq, session_id, direction);
CREATE INDEX messages_lid ON messages (tenant_id, peer_lid, created_at, seq, session_id, direction);
CREATE INDEX messages_group ON messages (tenant_id, chat, created_at, seq, session_id, direction)
    WHERE chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid';
CREATE INDEX messages_pending ON messages (tenant_id) WHERE status = 'pending';
-- What is rare would be looked for far and wide; an ordinary message is in neither.
CREATE INDEX messages_rare ON messages (tenant_id, status, created_at, seq, session_id, direction, kind)
    WHERE status IN ('failed', 'unknown', 'played');
CREATE INDEX messages_kind ON messages (tenant_id, kind, created_at, seq, session_id, direction, status) WHERE kind <> 'text';

-- How many messages there are by day (of UTC: unix milliseconds by 86400000), in
-- each session and, as session '', in all. Only those that were logged before
-- counted_until are in it, so that a message costs nothing while things happen to it.
CREATE TABLE message_counts (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    day        INTEGER NOT NULL,
    direction  TEXT NOT NULL,
    status     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, session_id, day, direction, status, kind)
) WITHOUT ROWID;
CREATE TABLE message_tallies (
    tenant_id     TEXT PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    counted_until BIGINT NOT NULL
) WITHOUT ROWID;

-- What happens later to a message that was counted.
CREATE TRIGGER messages_counted_update AFTER UPDATE OF status ON messages
WHEN old.status <> new.status AND old.created_at < (SELECT counted_until FROM message_tallies WHERE tenant_id = old.tenant_id)
BEGIN
    INSERT INTO message_counts (tenant_id, session_id, day, direction, status, kind, n) VALUES
        (old.tenant_id, '', old.created_at / 86400000, old.direction, old.status, old.kind, -1),
        (old.tenant_id, old.session_id, old.created_at / 86400000, old.direction, old.status, old.kind, -1),
        (old.tenant_id, '', old.created_at / 86400000, old.direction, new.status, old.kind, 1),
        (old.tenant_id, old.session_id, old.created_at / 86400000, old.direction, new.status, old.kind, 1)
        ON CONFLICT (tenant_id, session_id, day, direction, status, kind) DO UPDATE SET n = message_counts.n + excluded.n;
END;
CREATE TRIGGER messages_counted_delete AFTER DELETE ON messages
WHEN old.created_at < (SELECT counted_until FROM message_tallies WHERE tenant_id = old.tenant_id)
BEGIN
    UPDATE message_counts SET n = n - 1 WHERE tenant_id = old.tenant_id AND session_id = '' AND day = old.created_at / 86400000
        AND direction = old.direction AND status = old.status AND kind = old.kind;
    UPDATE message_counts SET n = n - 1 WHERE tenant_id = old.tenant_id AND session_id = old.session_id AND day = old.created_at / 86400000
        AND direction = old.direction AND status = old.status AND kind = old.kind;
END;
-- One that was logged while the clock had been set back.
CREATE TRIGGER messages_counted_insert AFTER INSERT ON messages
WHEN new.created_at < (SELECT counted_until FROM message_tallies WHERE tenant_id = new.tenant_id)
BEGIN
    INSERT INTO message_counts (tenant_id, session_id, day, direction, status, kind, n) VALUES
        (new.tenant_id, '', new.created_at / 86400000, new.direction, new.status, new.kind, 1),
        (new.tenant_id, new.session_id, new.created_at / 86400000, new.direction, new.status, new.kind, 1)
        ON CONFLICT (tenant_id, session_id, day, direction, status, kind) DO UPDATE SET n = message_counts.n + excluded.n;
END;
