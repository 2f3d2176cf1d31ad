CREATE TABLE templates (
    id                BLOB PRIMARY KEY NOT NULL,
    organization_id   TEXT NOT NULL,
    name              TEXT NOT NULL,
    description       TEXT NOT NULL,
    published_version INTEGER NOT NULL,
    latest_version    INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    deleted_at        INTEGER
) STRICT;
CREATE UNIQUE INDEX templates_name ON templates (organization_id, name) WHERE deleted_at IS NULL;

CREATE TABLE template_versions (
    template_id        BLOB NOT NULL REFERENCES templates (id),
    version            INTEGER NOT NULL,
    contents           TEXT NOT NULL,
    required_variables TEXT NOT NULL,
    optional_variables TEXT NOT NULL,
    comment            TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    created_by         TEXT NOT NULL,
    PRIMARY KEY (template_id, version)
) STRICT;

CREATE TABLE channels (
    id               BLOB PRIMARY KEY NOT NULL,
    organization_id  TEXT NOT NULL,
    name             TEXT NOT NULL,
    kind             INTEGER NOT NULL,
    settings         TEXT NOT NULL,
    secrets          BLOB NOT NULL,
    is_default       INTEGER NOT NULL,
    rate_limit_milli INTEGER NOT NULL,
    disabled         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX channels_name ON channels (organization_id, name);

CREATE TABLE destinations (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    kind            INTEGER NOT NULL,
    address         TEXT NOT NULL,
    label           TEXT NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX destinations_address ON destinations (organization_id, user_id, kind, address);

CREATE TABLE notifications (
    id               BLOB PRIMARY KEY NOT NULL,
    organization_id  TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    content_sha256   TEXT NOT NULL,
    subject          TEXT NOT NULL,
    priority         INTEGER NOT NULL,
    template_id      BLOB,
    template_name    TEXT NOT NULL,
    template_version INTEGER NOT NULL,
    context          TEXT NOT NULL,
    decided_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    waiting_users    TEXT NOT NULL,
    resolve_at       INTEGER,
    resolve_attempts INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX notifications_request ON notifications (organization_id, request_id);
CREATE INDEX notifications_resolve ON notifications (resolve_at) WHERE resolve_at IS NOT NULL;

-- What was cancelled: a message decided up to then is withdrawn even if it arrives later.
CREATE TABLE subjects (
    organization_id  TEXT NOT NULL,
    subject          TEXT NOT NULL,
    cancelled_before INTEGER NOT NULL,
    PRIMARY KEY (organization_id, subject)
) STRICT;

CREATE TABLE deliveries (
    id                  BLOB PRIMARY KEY NOT NULL,
    organization_id     TEXT NOT NULL,
    notification_id     BLOB NOT NULL REFERENCES notifications (id),
    subject             TEXT NOT NULL,
    priority            INTEGER NOT NULL,
    kind                INTEGER NOT NULL,
    address             TEXT NOT NULL,
    channel_id          BLOB,
    user_id             TEXT NOT NULL,
    recipient           TEXT NOT NULL,
    lane                TEXT NOT NULL,
    status              INTEGER NOT NULL,
    attempts            INTEGER NOT NULL,
    budget_used         INTEGER NOT NULL,
    reached             INTEGER NOT NULL,
    due_at              INTEGER,
    last_error          TEXT NOT NULL,
    provider_message_id TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    delivered_at        INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_subject ON deliveries (organization_id, subject, id);
CREATE INDEX deliveries_notification ON deliveries (notification_id);
CREATE INDEX deliveries_newest ON deliveries (organization_id, id);

CREATE TABLE delivery_attempts (
    delivery_id BLOB NOT NULL REFERENCES deliveries (id),
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     INTEGER NOT NULL,
    detail      TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT;

CREATE TABLE delivery_changes (
    id          BLOB PRIMARY KEY NOT NULL,
    delivery_id BLOB NOT NULL REFERENCES deliveries (id),
    at          INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    reason      TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_changes_delivery ON delivery_changes (delivery_id, id);
