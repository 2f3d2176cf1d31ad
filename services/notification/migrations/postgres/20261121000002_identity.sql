CREATE TABLE identity_cache (
    organization_id TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key             TEXT NOT NULL,
    value           BYTEA NOT NULL,
    fetched_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
);
