-- Questions with options that can be answered. chat is the address that the question
-- was sent to; answered are the addresses of who has answered it.
CREATE TABLE choices (
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    chat       TEXT NOT NULL,
    choices    TEXT NOT NULL,            -- JSON
    answered   TEXT NOT NULL DEFAULT '', -- JSON
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, session_id, message_id)
);
CREATE INDEX choices_chat ON choices (tenant_id, session_id, chat, created_at);
CREATE INDEX choices_age ON choices (tenant_id, created_at);
CREATE INDEX choices_expiry ON choices (expires_at);

-- What a caller wants told with every status of a message.
ALTER TABLE messages ADD COLUMN callback_data TEXT NOT NULL DEFAULT '';
