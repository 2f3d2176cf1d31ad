CREATE TABLE identity_cache (
    organization_id TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key             TEXT NOT NULL,
    value           BLOB NOT NULL,
    fetched_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
) STRICT;
