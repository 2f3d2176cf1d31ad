CREATE TABLE alerts (
    id                 UUID PRIMARY KEY,
    organization_id    TEXT NOT NULL,
    service_id         UUID NOT NULL,
    summary            TEXT NOT NULL,
    details            TEXT NOT NULL,
    status             BIGINT NOT NULL,
    priority           BIGINT NOT NULL,
    source             TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,
    dedup_count        BIGINT NOT NULL,
    labels             JSONB NOT NULL,
    annotations        TEXT NOT NULL,
    links              TEXT NOT NULL,
    assignee_user_id   TEXT,
    snoozed_until      BIGINT,
    started_at         BIGINT,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    acknowledged_at    BIGINT,
    acknowledged_by    TEXT,
    resolved_at        BIGINT,
    resolved_by        TEXT,
    external_ticket_id TEXT,
    suppressed         BOOLEAN NOT NULL,
    template           TEXT
);
-- At most one open alert a fault: what makes a repeat a repeat, on any number of nodes.
CREATE UNIQUE INDEX alerts_open ON alerts (organization_id, service_id, fingerprint) WHERE status <> 3;
CREATE INDEX alerts_newest ON alerts (organization_id, id);
CREATE INDEX alerts_open_newest ON alerts (organization_id, id) WHERE status <> 3;

CREATE TABLE escalations (
    alert_id        UUID PRIMARY KEY REFERENCES alerts (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    policy_id       UUID NOT NULL,
    phase           BIGINT NOT NULL,
    step            BIGINT NOT NULL,
    round           BIGINT NOT NULL,
    due_at          BIGINT
);
CREATE INDEX escalations_due ON escalations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX escalations_policy ON escalations (policy_id) WHERE phase <> 5;

CREATE TABLE alert_events (
    id              UUID PRIMARY KEY,
    organization_id TEXT NOT NULL,
    alert_id        UUID NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    at              BIGINT NOT NULL,
    kind            BIGINT NOT NULL,
    actor           TEXT NOT NULL,
    message         TEXT NOT NULL,
    details         TEXT NOT NULL
);
CREATE INDEX alert_events_alert ON alert_events (alert_id, id);
CREATE INDEX alerts_labels ON alerts USING gin (labels jsonb_path_ops);
