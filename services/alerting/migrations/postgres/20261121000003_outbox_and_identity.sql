CREATE TABLE outbox (
    id              UUID PRIMARY KEY,
    organization_id TEXT NOT NULL,
    topic           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    last_error      TEXT
);
CREATE INDEX outbox_due ON outbox (due_at, id);
CREATE TABLE outbox_dead (
    id              UUID PRIMARY KEY,
    organization_id TEXT NOT NULL,
    topic           TEXT NOT NULL,
    subject         TEXT NOT NULL,
    payload         BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    failed_at       BIGINT NOT NULL,
    error           TEXT NOT NULL
);

CREATE TABLE identity_cache (
    organization_id TEXT NOT NULL,
    kind            TEXT NOT NULL,
    key             TEXT NOT NULL,
    value           BYTEA NOT NULL,
    fetched_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
);
