CREATE TABLE templates (
    id                UUID PRIMARY KEY,
    organization_id   TEXT NOT NULL,
    name              TEXT NOT NULL,
    description       TEXT NOT NULL,
    published_version BIGINT NOT NULL,
    latest_version    BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    deleted_at        BIGINT
);
CREATE UNIQUE INDEX templates_name ON templates (organization_id, name) WHERE deleted_at IS NULL;

CREATE TABLE template_versions (
    template_id        UUID NOT NULL REFERENCES templates (id),
    version            BIGINT NOT NULL,
    contents           TEXT NOT NULL,
    required_variables TEXT NOT NULL,
    optional_variables TEXT NOT NULL,
    comment            TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    created_by         TEXT NOT NULL,
    PRIMARY KEY (template_id, version)
);

CREATE TABLE channels (
    id               UUID PRIMARY KEY,
    organization_id  TEXT NOT NULL,
    name             TEXT NOT NULL,
    kind             BIGINT NOT NULL,
    settings         TEXT NOT NULL,
    secrets          BYTEA NOT NULL,
    is_default       BOOLEAN NOT NULL,
    rate_limit_milli BIGINT NOT NULL,
    disabled         BOOLEAN NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE UNIQUE INDEX channels_name ON channels (organization_id, name);

CREATE TABLE destinations (
    id              UUID PRIMARY KEY,
    organization_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    kind            BIGINT NOT NULL,
    address         TEXT NOT NULL,
    label           TEXT NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX destinations_address ON destinations (organization_id, user_id, kind, address);

CREATE TABLE notifications (
    id               UUID PRIMARY KEY,
    organization_id  TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    content_sha256   TEXT NOT NULL,
    subject          TEXT NOT NULL,
    priority         BIGINT NOT NULL,
    template_id      UUID,
    template_name    TEXT NOT NULL,
    template_version BIGINT NOT NULL,
    context          TEXT NOT NULL,
    decided_at       BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    waiting_users    TEXT NOT NULL,
    resolve_at       BIGINT,
    resolve_attempts BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_request ON notifications (organization_id, request_id);
CREATE INDEX notifications_resolve ON notifications (resolve_at) WHERE resolve_at IS NOT NULL;

-- What was cancelled: a message decided up to then is withdrawn even if it arrives later.
CREATE TABLE subjects (
    organization_id  TEXT NOT NULL,
    subject          TEXT NOT NULL,
    cancelled_before BIGINT NOT NULL,
    PRIMARY KEY (organization_id, subject)
);

CREATE TABLE deliveries (
    id                  UUID PRIMARY KEY,
    organization_id     TEXT NOT NULL,
    notification_id     UUID NOT NULL REFERENCES notifications (id),
    subject             TEXT NOT NULL,
    priority            BIGINT NOT NULL,
    kind                BIGINT NOT NULL,
    address             TEXT NOT NULL,
    channel_id          UUID,
    user_id             TEXT NOT NULL,
    recipient           TEXT NOT NULL,
    lane                TEXT NOT NULL,
    status              BIGINT NOT NULL,
    attempts            BIGINT NOT NULL,
    budget_used         BIGINT NOT NULL,
    reached             BOOLEAN NOT NULL,
    due_at              BIGINT,
    last_error          TEXT NOT NULL,
    provider_message_id TEXT NOT NULL,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    delivered_at        BIGINT
);
CREATE INDEX deliveries_due ON deliveries (lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_subject ON deliveries (organization_id, subject, id);
CREATE INDEX deliveries_notification ON deliveries (notification_id);
CREATE INDEX deliveries_newest ON deliveries (organization_id, id);

CREATE TABLE delivery_attempts (
    delivery_id UUID NOT NULL REFERENCES deliveries (id),
    number      BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    outcome     BIGINT NOT NULL,
    detail      TEXT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE delivery_changes (
    id          UUID PRIMARY KEY,
    delivery_id UUID NOT NULL REFERENCES deliveries (id),
    at          BIGINT NOT NULL,
    status      BIGINT NOT NULL,
    reason      TEXT NOT NULL
);
CREATE INDEX delivery_changes_delivery ON delivery_changes (delivery_id, id);
