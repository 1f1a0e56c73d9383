-- How secrets are encrypted: one row, or none while they are plain. key_id names the
-- operator's key, wrapped is the database's own key encrypted by it (empty while what was
-- decrypted waits to be wiped), scrub says where former values may still be found: 1 in
-- the write-ahead log, 2 in free pages too. endpoints.secret, old_secret and headers and
-- sessions.options are sealed then; package store/seal has the form.
CREATE TABLE IF NOT EXISTS sealing (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    key_id  TEXT    NOT NULL,
    wrapped BLOB    NOT NULL,
    scrub   INTEGER NOT NULL
);
