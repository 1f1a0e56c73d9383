-- Times are UTC unix milliseconds. NULL is "never" or "not known".

CREATE TABLE settings (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE tenants (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- lookup is the public part of a generated key, or the hash of a key that the
-- operator chose; hash is the SHA-256 of the whole key.
CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    lookup     TEXT NOT NULL UNIQUE,
    hash       TEXT NOT NULL,
    fixed      SMALLINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

CREATE TABLE sessions (
    tenant_id       TEXT NOT NULL REFERENCES tenants (id),
    id              TEXT NOT NULL,
    name            TEXT NOT NULL,
    status          TEXT NOT NULL,
    reason          TEXT NOT NULL,
    until           BIGINT,
    intent          TEXT NOT NULL,
    device          TEXT NOT NULL,
    phone           TEXT NOT NULL,
    lid             TEXT NOT NULL,
    refused_version TEXT NOT NULL,
    reachout_locked SMALLINT NOT NULL,
    reachout_until  BIGINT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Messages and events outlive their session, so neither refers to its row.
-- Senders choose ids, so an incoming message is known by its origin as well: its
-- sender, as a LID where that is known and else as a phone number, and in a group
-- also the group. What we send has no origin: its ids are ours.
CREATE TABLE messages (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id),
    session_id TEXT NOT NULL,
    direction  TEXT NOT NULL,
    id         TEXT NOT NULL,
    origin     TEXT NOT NULL,
    chat       TEXT NOT NULL,
    peer_phone TEXT NOT NULL,
    peer_lid   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL,
    status     TEXT NOT NULL,
    error_code TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at    BIGINT,
    PRIMARY KEY (tenant_id, session_id, direction, id, origin)
);
CREATE INDEX messages_time ON messages (tenant_id, session_id, created_at);
CREATE INDEX messages_chat ON messages (tenant_id, session_id, chat, created_at);
CREATE INDEX messages_pending ON messages (tenant_id) WHERE status = 'pending';

CREATE TABLE events (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id),
    session_id TEXT NOT NULL,
    type       TEXT NOT NULL,
    at         BIGINT NOT NULL,
    data       BLOB NOT NULL
);
CREATE INDEX events_tenant ON events (tenant_id, id);

-- failing is 1 from a try that failed to the next one that succeeds.
CREATE TABLE endpoints (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    url        TEXT NOT NULL,
    secret     TEXT NOT NULL,
    enabled    SMALLINT NOT NULL,
    failing    SMALLINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX endpoints_tenant ON endpoints (tenant_id);

-- turn keeps a line per endpoint and session:
--   0  waits behind an older delivery that has not been tried yet
--   1  first in line
--   2  out of the line: it has failed once, or is finished
-- next_at is 0 until a try has failed: whatever the clock says, what is new is due.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id    TEXT NOT NULL REFERENCES events (id),
    tenant_id   TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    state       TEXT NOT NULL,
    turn        SMALLINT NOT NULL,
    attempts    INTEGER NOT NULL,
    next_at     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX deliveries_line ON deliveries (endpoint_id, session_id, id) WHERE turn < 2;
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_at, id) WHERE state = 'pending' AND turn > 0;
CREATE INDEX deliveries_next ON deliveries (next_at) WHERE state = 'pending' AND turn > 0;
CREATE INDEX deliveries_sending ON deliveries (endpoint_id) WHERE state = 'sending';
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE UNIQUE INDEX deliveries_event ON deliveries (event_id, endpoint_id);

CREATE TABLE attempts (
    delivery_id BIGINT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    at          BIGINT NOT NULL,
    status      INTEGER NOT NULL,
    duration_ms BIGINT NOT NULL,
    error       TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
