CREATE TABLE alerts (
    id                 BLOB PRIMARY KEY NOT NULL,
    organization_id    TEXT NOT NULL,
    service_id         BLOB NOT NULL,
    summary            TEXT NOT NULL,
    details            TEXT NOT NULL,
    status             INTEGER NOT NULL,
    priority           INTEGER NOT NULL,
    source             TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,
    dedup_count        INTEGER NOT NULL,
    labels             TEXT NOT NULL,
    annotations        TEXT NOT NULL,
    links              TEXT NOT NULL,
    assignee_user_id   TEXT,
    snoozed_until      INTEGER,
    started_at         INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    acknowledged_at    INTEGER,
    acknowledged_by    TEXT,
    resolved_at        INTEGER,
    resolved_by        TEXT,
    external_ticket_id TEXT,
    suppressed         INTEGER NOT NULL,
    template           TEXT
) STRICT;
-- At most one open alert a fault: what makes a repeat a repeat, on any number of nodes.
CREATE UNIQUE INDEX alerts_open ON alerts (organization_id, service_id, fingerprint) WHERE status <> 3;
CREATE INDEX alerts_newest ON alerts (organization_id, id);
CREATE INDEX alerts_open_newest ON alerts (organization_id, id) WHERE status <> 3;

CREATE TABLE escalations (
    alert_id        BLOB PRIMARY KEY NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    policy_id       BLOB NOT NULL,
    phase           INTEGER NOT NULL,
    step            INTEGER NOT NULL,
    round           INTEGER NOT NULL,
    due_at          INTEGER
) STRICT;
CREATE INDEX escalations_due ON escalations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX escalations_policy ON escalations (policy_id) WHERE phase <> 5;

CREATE TABLE alert_events (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    alert_id        BLOB NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    at              INTEGER NOT NULL,
    kind            INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    message         TEXT NOT NULL,
    details         TEXT NOT NULL
) STRICT;
CREATE INDEX alert_events_alert ON alert_events (alert_id, id);
