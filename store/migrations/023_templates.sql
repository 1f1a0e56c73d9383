-- Message templates of a tenant, one a name and language.
CREATE TABLE templates (
    id               TEXT PRIMARY KEY, -- a ULID
    tenant_id        TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    language         TEXT NOT NULL,
    category         TEXT NOT NULL,
    parameter_format TEXT NOT NULL, -- POSITIONAL or NAMED
    status           TEXT NOT NULL,
    components       TEXT NOT NULL, -- JSON
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    UNIQUE (tenant_id, name, language)
);
CREATE INDEX templates_tenant ON templates (tenant_id, id); -- their order
