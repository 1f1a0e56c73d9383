-- Which LIDs have stood beside a phone number in a tenant's messages: each row of
-- messages that has both addresses has its pair here, as long as there is one.
CREATE TABLE people (
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    phone     TEXT NOT NULL,
    lid       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, phone, lid)
) WITHOUT ROWID;
INSERT INTO people (tenant_id, phone, lid)
    SELECT DISTINCT tenant_id, peer_phone, peer_lid FROM messages WHERE peer_phone <> '' AND peer_lid <> '';

-- So a message stands in one index of addresses only: by its LID, and by its phone
-- number where no LID is known. Who asks for a number asks for its LIDs as well.
DROP INDEX messages_phone;
DROP INDEX messages_lid;
CREATE INDEX messages_phone ON messages (tenant_id, peer_phone, created_at, seq, session_id, direction)
    WHERE peer_phone <> '' AND peer_lid = '';
CREATE INDEX messages_lid ON messages (tenant_id, peer_lid, created_at, seq, session_id, direction, peer_phone)
    WHERE peer_lid <> '';
