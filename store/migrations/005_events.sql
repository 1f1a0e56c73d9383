-- types lists the event types that an endpoint wants, comma separated; '' means
-- those of the WapiConnect document and '*' all. A test is always delivered.
ALTER TABLE endpoints ADD COLUMN types TEXT NOT NULL DEFAULT '';

-- notice is the network's id of what an event of a group or a call tells, which
-- the network may bring twice.
ALTER TABLE events ADD COLUMN notice TEXT;
CREATE UNIQUE INDEX events_notice ON events (tenant_id, session_id, type, notice) WHERE notice IS NOT NULL;
