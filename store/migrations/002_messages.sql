-- details is the JSON of engine.Details, '' for none. payload is the network's
-- own form of a message. status_at is when the status last moved. counted_on is
-- the day of usage that holds an outgoing message, '' if it counts for nothing.
ALTER TABLE messages ADD COLUMN push_name TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN details TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN payload BLOB;
ALTER TABLE messages ADD COLUMN status_at BIGINT;
ALTER TABLE messages ADD COLUMN counted_on TEXT NOT NULL DEFAULT '';
UPDATE messages SET status = 'received' WHERE direction = 'in';

-- How many messages a tenant has sent on a day of its own time zone, YYYY-MM-DD.
CREATE TABLE usage (
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    day       TEXT NOT NULL,
    sent      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

-- What an idempotency key was used for. kind says what result names: 'send' a
-- message id, 'bulk' a job id.
CREATE TABLE idempotency (
    tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    result      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

-- Messages that wait for their session, in the order of seq. message is the JSON
-- of engine.Outgoing, path its file in the spool or ''. state is 'waiting' or
-- 'sending'. unsure is 1 once a try may have gone through.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    message    TEXT NOT NULL,
    path       TEXT NOT NULL,
    file_bytes BIGINT NOT NULL,
    state      TEXT NOT NULL,
    unsure     SMALLINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX outbox_line ON outbox (tenant_id, session_id, seq);
CREATE UNIQUE INDEX outbox_message ON outbox (tenant_id, session_id, message_id);
CREATE INDEX outbox_files ON outbox (tenant_id, file_bytes) WHERE file_bytes > 0;
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE state = 'waiting';

-- Disappearing timers. A person's chat stands under each address that is known.
CREATE TABLE chats (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    chat       TEXT NOT NULL,
    expiration BIGINT NOT NULL, -- seconds, 0 for off
    updated_at BIGINT NOT NULL, -- of the message that said so
    PRIMARY KEY (tenant_id, session_id, chat)
);

-- Files that the network holds, by their plain bytes. plain is 1 for those that
-- lie there unencrypted, for channels. ref is the network's own.
CREATE TABLE uploads (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    plain      SMALLINT NOT NULL,
    sha256     BLOB NOT NULL,
    ref        BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id, kind, plain, sha256)
);
CREATE INDEX uploads_expiry ON uploads (expires_at);
