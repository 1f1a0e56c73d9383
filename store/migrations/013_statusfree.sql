-- What happens to a message after it was logged, its status moving three times or
-- four, touches no index but the small one of what is pending: of the others only
-- those of what is rare know a status. And who has no address stands in no index of
-- addresses.
DROP INDEX messages_log;
DROP INDEX messages_time;
DROP INDEX messages_kind;
DROP INDEX messages_rare;
DROP INDEX messages_pending;
DROP INDEX messages_phone;
DROP INDEX messages_lid;
DROP INDEX messages_group;
CREATE INDEX messages_log ON messages (tenant_id, created_at, seq, session_id, direction, kind);
CREATE INDEX messages_time ON messages (tenant_id, session_id, created_at, seq, direction, kind);
CREATE INDEX messages_kind ON messages (tenant_id, kind, created_at, seq, session_id, direction) WHERE kind <> 'text';
CREATE INDEX messages_rare ON messages (tenant_id, status, created_at, seq, session_id, direction, kind)
    WHERE status IN ('failed', 'unknown', 'played', 'queued');
CREATE INDEX messages_pending ON messages (tenant_id, created_at, seq, session_id, direction, kind) WHERE status = 'pending';
CREATE INDEX messages_phone ON messages (tenant_id, peer_phone, created_at, seq, session_id, direction) WHERE peer_phone <> '';
CREATE INDEX messages_lid ON messages (tenant_id, peer_lid, created_at, seq, session_id, direction) WHERE peer_lid <> '';
CREATE INDEX messages_group ON messages (tenant_id, chat, created_at, seq, session_id, direction)
    WHERE chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid';
