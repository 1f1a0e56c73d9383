-- Somebody who is logged in with a browser. hash is the SHA-256 of the token in the
-- browser's cookie. tenant_id is empty for the operator. Who logged in with an API key
-- is gone with that key; key_id is NULL for one who came by a link or with a password,
-- and for the operator.
CREATE TABLE web_sessions (
    id         TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    tenant_id  TEXT NOT NULL,
    key_id     TEXT REFERENCES api_keys (id) ON DELETE CASCADE,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_sessions_tenant ON web_sessions (tenant_id, created_at);
CREATE INDEX web_sessions_key ON web_sessions (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX web_sessions_account ON web_sessions (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX web_sessions_end ON web_sessions (expires_at);

-- A link that logs in once. hash is that of its token.
CREATE TABLE login_links (
    hash       TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_links_tenant ON login_links (tenant_id, created_at);
CREATE INDEX login_links_end ON login_links (expires_at);

-- Who has signed up. email is in lower case, password an argon2id hash in the form of
-- the PHC with its salt and cost.
CREATE TABLE accounts (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    email       TEXT NOT NULL UNIQUE,
    password    TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    password_at BIGINT NOT NULL
);
CREATE INDEX accounts_tenant ON accounts (tenant_id);

-- Who wants to and has not shown yet that the address is theirs. An address may stand
-- here more than once: who asks for somebody else's must not undo what they asked for.
CREATE TABLE registrations (
    hash       TEXT PRIMARY KEY,
    email      TEXT NOT NULL,
    name       TEXT NOT NULL,
    password   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX registrations_email ON registrations (email, created_at);
CREATE INDEX registrations_end ON registrations (expires_at);

CREATE TABLE password_resets (
    hash       TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX password_resets_account ON password_resets (account_id, created_at);
CREATE INDEX password_resets_end ON password_resets (expires_at);
