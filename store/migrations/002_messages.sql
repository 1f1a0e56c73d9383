-- details is the JSON of engine.Details, '' for none. payload is the network's
-- own form of a message. status_at is when the status last moved.
ALTER TABLE messages ADD COLUMN push_name TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN details TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN payload BLOB;
ALTER TABLE messages ADD COLUMN status_at BIGINT;
UPDATE messages SET status = 'received' WHERE direction = 'in';
