CREATE TABLE outbox (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    topic           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    last_error      TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, id);
CREATE TABLE outbox_dead (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    topic           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    failed_at       INTEGER NOT NULL,
    error           TEXT NOT NULL
) STRICT;

CREATE TABLE identity_cache (
    organization_id TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key             TEXT NOT NULL,
    value           BLOB NOT NULL,
    fetched_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
) STRICT;
