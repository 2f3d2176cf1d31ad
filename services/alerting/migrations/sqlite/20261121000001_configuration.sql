CREATE TABLE services (
    id                   BLOB PRIMARY KEY NOT NULL,
    organization_id      TEXT NOT NULL,
    name                 TEXT NOT NULL,
    description          TEXT NOT NULL,
    escalation_policy_id BLOB,
    labels               TEXT NOT NULL,
    template             TEXT NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX services_name ON services (organization_id, name);

CREATE TABLE integration_keys (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    service_id      BLOB NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    secret_sha256   TEXT NOT NULL,
    hint            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    rotated_at      INTEGER,
    revoked_at      INTEGER
) STRICT;
CREATE UNIQUE INDEX integration_keys_secret ON integration_keys (secret_sha256);
CREATE UNIQUE INDEX integration_keys_name ON integration_keys (service_id, name);

CREATE TABLE routing_rules (
    id                BLOB PRIMARY KEY NOT NULL,
    organization_id   TEXT NOT NULL,
    service_id        BLOB NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    position          INTEGER NOT NULL,
    name              TEXT NOT NULL,
    condition         TEXT NOT NULL,
    actions           TEXT NOT NULL,
    continue_matching INTEGER NOT NULL,
    disabled          INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX routing_rules_name ON routing_rules (service_id, name);
CREATE INDEX routing_rules_position ON routing_rules (service_id, position);

CREATE TABLE escalation_policies (
    id                  BLOB PRIMARY KEY NOT NULL,
    organization_id     TEXT NOT NULL,
    name                TEXT NOT NULL,
    description         TEXT NOT NULL,
    steps               TEXT NOT NULL,
    repeat_count        INTEGER NOT NULL,
    acknowledge_timeout INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX escalation_policies_name ON escalation_policies (organization_id, name);

CREATE TABLE schedules (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    time_zone       TEXT NOT NULL,
    rotations       TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX schedules_name ON schedules (organization_id, name);

CREATE TABLE schedule_overrides (
    id              BLOB PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    schedule_id     BLOB NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    start_at        INTEGER NOT NULL,
    end_at          INTEGER NOT NULL,
    remove_user_id  TEXT,
    add_user_id     TEXT,
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL
) STRICT;
CREATE INDEX schedule_overrides_span ON schedule_overrides (schedule_id, end_at, start_at);

-- Raised by every change above, in the same transaction: nodes that hold a copy of an
-- organization's configuration see by it whether the copy is current.
CREATE TABLE configuration_versions (
    organization_id TEXT PRIMARY KEY NOT NULL,
    version         INTEGER NOT NULL
) STRICT;
