-- The trace that a message, or as session '' a bulk job, belongs to, as a W3C
-- traceparent. Rows are written only where traces are on and the request is sampled.
CREATE TABLE traces (
    tenant_id  TEXT NOT NULL,
    session_id TEXT NOT NULL,
    id         TEXT NOT NULL,
    parent     TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id, id)
) WITHOUT ROWID;
CREATE INDEX traces_expiry ON traces (expires_at);
