-- What a tenant may do, and what its keys may.
ALTER TABLE api_keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'manage';
