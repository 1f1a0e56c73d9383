-- Who does not want bulk messages. phone and lid are the person's addresses, ''
-- where one is not known; each stands in one row of a tenant at most. word,
-- session_id and message_id are '' unless a message said it.
CREATE TABLE opt_outs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    phone      TEXT NOT NULL,
    lid        TEXT NOT NULL,
    source     TEXT NOT NULL,
    word       TEXT NOT NULL,
    session_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX opt_outs_phone ON opt_outs (tenant_id, phone) WHERE phone <> '';
CREATE UNIQUE INDEX opt_outs_lid ON opt_outs (tenant_id, lid) WHERE lid <> '';
CREATE INDEX opt_outs_tenant ON opt_outs (tenant_id, id);

-- The words that say so: the JSON of bulk.OptOutWords, '' for the usual ones.
ALTER TABLE tenants ADD COLUMN opt_out_words TEXT NOT NULL DEFAULT '';

-- checked is 1 once an item's number is known to be on WhatsApp, or nothing is to
-- be looked up; it matters in jobs that check numbers.
ALTER TABLE job_items ADD COLUMN checked SMALLINT NOT NULL DEFAULT 0;
