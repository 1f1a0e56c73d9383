-- What happened in an hour (of UTC: unix milliseconds by 3600000), in each session, as
-- session '' in all of a tenant, and as tenant '' in all of the daemon. It holds counts
-- only; they are written some seconds after what they count. *_times are histograms of
-- how long things took: pairs of a bucket and a count, see store/durations.go.
CREATE TABLE activity (
    tenant_id      TEXT NOT NULL,
    session_id     TEXT NOT NULL,
    hour           INTEGER NOT NULL,
    sent           INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    failed_tries   INTEGER NOT NULL,
    send_times     BLOB NOT NULL,
    receipt_times  BLOB NOT NULL,
    delivery_times BLOB NOT NULL,
    PRIMARY KEY (tenant_id, session_id, hour)
) WITHOUT ROWID;
-- By which it ages.
CREATE INDEX activity_hour ON activity (hour);
