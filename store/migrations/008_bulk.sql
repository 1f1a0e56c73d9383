-- A bulk job may be spread over several sessions, and is held to a schedule. The
-- tables are made anew because message, which may be long, stands last.
--
-- session_id is the first of the job's sessions. windows is a JSON array, '' for
-- always; told_at and told are when bulk.progress was told last, and what had been
-- processed by then. skipped counts items that were passed over, not those that a
-- failed job did not come to.
CREATE TABLE jobs_next (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id),
    session_id    TEXT NOT NULL,
    status        TEXT NOT NULL,
    start_at      BIGINT,
    windows       TEXT NOT NULL DEFAULT '',
    time_zone     TEXT NOT NULL DEFAULT '',
    max_per_hour  INTEGER NOT NULL DEFAULT 0,
    check_numbers SMALLINT NOT NULL DEFAULT 0,
    delay_min     BIGINT NOT NULL,
    delay_max     BIGINT NOT NULL,
    total         INTEGER NOT NULL,
    succeeded     INTEGER NOT NULL DEFAULT 0,
    failed        INTEGER NOT NULL DEFAULT 0,
    skipped       INTEGER NOT NULL DEFAULT 0,
    invalid       INTEGER NOT NULL DEFAULT 0,
    told_at       BIGINT,
    told          INTEGER NOT NULL DEFAULT 0,
    paused_at     BIGINT,
    error_code    TEXT NOT NULL DEFAULT '',
    created_at    BIGINT NOT NULL,
    started_at    BIGINT,
    finished_at   BIGINT,
    message       TEXT NOT NULL
);

-- A session of a job: active while the job runs and the session is there, dropped
-- when the session is gone for good, done when the job has ended. session_made_at
-- tells the session from a later one of the same name. next_at is before when the
-- job's next item must not be sent over it, waiting and waiting_until say why
-- it does not go on.
CREATE TABLE job_sessions (
    job             BIGINT NOT NULL REFERENCES jobs_next (number) ON DELETE CASCADE,
    place           INTEGER NOT NULL,
    tenant_id       TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    session_made_at BIGINT,
    state           TEXT NOT NULL,
    waiting         TEXT NOT NULL DEFAULT '',
    waiting_until   BIGINT,
    next_at         BIGINT,
    sent            INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    error_code      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job, session_id)
);

-- fields is a JSON object of texts, '' for none. session_id is whose the item is
-- from its claim on, '' for anybody's. attempts counts the tries whose outcome is
-- not known, unsure is 1 while an earlier try may have gone through. tried_at is
-- when something may have left, where that is of interest: in jobs with a limit
-- by the hour, and of items that are unsure.
CREATE TABLE job_items_next (
    job        BIGINT NOT NULL REFERENCES jobs_next (number) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    recipient  TEXT NOT NULL,
    fields     TEXT NOT NULL,
    message_id TEXT NOT NULL,
    session_id TEXT NOT NULL DEFAULT '',
    state      TEXT NOT NULL,
    error_code TEXT NOT NULL DEFAULT '',
    attempts   INTEGER NOT NULL DEFAULT 0,
    unsure     SMALLINT NOT NULL DEFAULT 0,
    tried_at   BIGINT,
    sent_at    BIGINT,
    PRIMARY KEY (job, position)
);

INSERT INTO jobs_next (number, id, tenant_id, session_id, status, delay_min, delay_max, total, succeeded, failed,
        error_code, created_at, started_at, finished_at, message)
    SELECT number, id, tenant_id, session_id, status, delay_min, delay_max, total, succeeded, failed,
        error_code, created_at, started_at, finished_at, message FROM jobs;
INSERT INTO job_sessions (job, place, tenant_id, session_id, session_made_at, state, waiting, next_at, sent, failed)
    SELECT number, 0, tenant_id, session_id, session_made_at,
        CASE WHEN status IN ('pending', 'running') THEN 'active' ELSE 'done' END, waiting, next_at, succeeded, failed FROM jobs;
INSERT INTO job_items_next (job, position, recipient, fields, message_id, session_id, state, error_code, attempts, unsure, sent_at)
    SELECT i.job, i.position, i.recipient, i.fields, i.message_id, CASE WHEN i.state = 'pending' AND i.attempts = 0 THEN '' ELSE j.session_id END,
        i.state, i.error_code, i.attempts, CASE WHEN i.attempts > 0 THEN 1 ELSE 0 END, i.sent_at
    FROM job_items i JOIN jobs j ON j.number = i.job;
DROP TABLE job_items;
DROP TABLE jobs;
ALTER TABLE jobs_next RENAME TO jobs;
ALTER TABLE job_items_next RENAME TO job_items;

CREATE INDEX jobs_preparing ON jobs (number) WHERE status = 'preparing';
CREATE INDEX jobs_tenant ON jobs (tenant_id, number);
-- The jobs of a session that have not ended stand in line by their number.
CREATE INDEX job_sessions_line ON job_sessions (tenant_id, session_id, job) WHERE state = 'active';
-- A session takes first what is its own already, then what is anybody's.
CREATE INDEX job_items_pending ON job_items (job, session_id, position) WHERE state = 'pending';
CREATE INDEX job_items_sending ON job_items (job) WHERE state = 'sending';
CREATE INDEX job_items_tried ON job_items (job, session_id, tried_at) WHERE tried_at IS NOT NULL;
