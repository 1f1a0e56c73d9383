-- A bulk job. It outlives its session, so it does not refer to its row;
-- session_made_at tells that session from a later one of the same name. status is
-- preparing while the items are being inserted: nobody sees the job then. message
-- is the JSON of engine.Outgoing and stands last, as it may be long.
CREATE TABLE jobs (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    tenant_id       TEXT NOT NULL REFERENCES tenants (id),
    session_id      TEXT NOT NULL,
    session_made_at BIGINT,
    status          TEXT NOT NULL,
    waiting         TEXT NOT NULL DEFAULT '',
    next_at         BIGINT,
    delay_min       BIGINT NOT NULL,
    delay_max       BIGINT NOT NULL,
    total           INTEGER NOT NULL,
    succeeded       INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    error_code      TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL,
    started_at      BIGINT,
    finished_at     BIGINT,
    message         TEXT NOT NULL
);
-- The jobs of a session that have not ended stand in line by their number.
CREATE INDEX jobs_line ON jobs (tenant_id, session_id, number) WHERE status IN ('pending', 'running');
CREATE INDEX jobs_preparing ON jobs (number) WHERE status = 'preparing';
CREATE INDEX jobs_tenant ON jobs (tenant_id, number);

-- fields is a JSON object of texts, '' for none. attempts counts the tries whose
-- outcome is not known.
CREATE TABLE job_items (
    job        BIGINT NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    recipient  TEXT NOT NULL,
    fields     TEXT NOT NULL,
    message_id TEXT NOT NULL,
    state      TEXT NOT NULL,
    error_code TEXT NOT NULL DEFAULT '',
    attempts   INTEGER NOT NULL DEFAULT 0,
    sent_at    BIGINT,
    PRIMARY KEY (job, position)
);
CREATE INDEX job_items_pending ON job_items (job, position) WHERE state = 'pending';
CREATE INDEX job_items_sending ON job_items (job) WHERE state = 'sending';

-- The message log is listed newest first, and counted, without a look at the
-- messages themselves wherever it can be. These take the place of two that knew less.
DROP INDEX messages_time;
DROP INDEX messages_chat;
CREATE INDEX messages_log ON messages (tenant_id, created_at, id, session_id, direction, status, kind);
CREATE INDEX messages_time ON messages (tenant_id, session_id, created_at, id, direction, status, kind);
CREATE INDEX messages_phone ON messages (tenant_id, peer_phone, created_at, id, session_id, direction);
CREATE INDEX messages_lid ON messages (tenant_id, peer_lid, created_at, id, session_id, direction);
CREATE INDEX messages_group ON messages (tenant_id, chat, created_at, id, session_id, direction)
    WHERE chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid';
