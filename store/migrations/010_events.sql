-- The log is read in the order of its ids. What a reader filters by stands in the
-- index, so that events that it does not want are passed over without a look at them.
DROP INDEX events_tenant;
CREATE INDEX events_log ON events (tenant_id, id, type, session_id);

-- The newest event that retention has removed, '' if it has removed none: a reader
-- whose cursor lies before it has missed something.
ALTER TABLE tenants ADD COLUMN events_pruned TEXT NOT NULL DEFAULT '';
