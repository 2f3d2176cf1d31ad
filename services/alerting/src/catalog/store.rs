//! Services and integration keys in the database.

use callout_auth::OrganizationId;
use callout_store::{
    Db, Result, StoreError, Tx, micros, optional_micros, optional_timestamp, timestamp, with_db,
};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    Service,
    key::{IntegrationKey, KeyHit},
};

#[derive(FromRow)]
struct ServiceRow {
    id: Uuid,
    name: String,
    description: String,
    escalation_policy_id: Option<Uuid>,
    labels: String,
    template: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ServiceRow> for Service {
    type Error = StoreError;

    fn try_from(row: ServiceRow) -> Result<Self> {
        let labels = serde_json::from_str(&row.labels);
        Ok(Self {
            id: row.id,
            name: row.name,
            description: row.description,
            escalation_policy_id: row.escalation_policy_id,
            labels: labels.map_err(|error| StoreError::corrupt("services", error.to_string()))?,
            template: row.template,
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
        })
    }
}

const INSERT: &str = "INSERT INTO services \
     (id, name, description, escalation_policy_id, labels, template, created_at, updated_at, organization_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const UPDATE: &str = "UPDATE services SET name = $2, description = $3, escalation_policy_id = $4, labels = $5, \
     template = $6, created_at = $7, updated_at = $8 WHERE id = $1 AND organization_id = $9";

/// Writes a new service.
pub async fn insert(tx: &mut Tx, organization: &OrganizationId, service: &Service) -> Result<()> {
    write(tx, INSERT, organization, service).await
}

/// Writes a service's new state.
pub async fn update(tx: &mut Tx, organization: &OrganizationId, service: &Service) -> Result<()> {
    write(tx, UPDATE, organization, service).await
}

async fn write(
    tx: &mut Tx,
    statement: &'static str,
    organization: &OrganizationId,
    s: &Service,
) -> Result<()> {
    let labels = serde_json::to_string(&s.labels).expect("labels are JSON");
    with_db!(tx, |c| async {
        let query = sqlx::query(statement).bind(s.id).bind(&s.name).bind(&s.description);
        let query = query.bind(s.escalation_policy_id).bind(&labels).bind(&s.template);
        let query = query.bind(micros(s.created_at)).bind(micros(s.updated_at)).bind(organization.as_str());
        query.execute(c).await.map(drop)
    })
}

const GET: &str = "SELECT * FROM services WHERE organization_id = $1 AND id = $2";

/// One service.
pub async fn get(db: &Db, organization: &OrganizationId, id: Uuid) -> Result<Option<Service>> {
    let query = with_db!(db, |c| sqlx::query_as::<_, ServiceRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c));
    query?.map(Service::try_from).transpose()
}

const LIST: &str = "SELECT * FROM services WHERE organization_id = $1 AND name > $2 AND ($3 = '' OR name = $3) ORDER BY name LIMIT $4";

/// Services by name, after one.
pub async fn list(
    db: &Db,
    organization: &OrganizationId,
    after: &str,
    name: &str,
    limit: i64,
) -> Result<Vec<Service>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, ServiceRow>(LIST)
        .bind(organization.as_str())
        .bind(after)
        .bind(name)
        .bind(limit)
        .fetch_all(c))?;
    rows.into_iter().map(Service::try_from).collect()
}

/// Every service of an organization.
pub async fn all(db: &Db, organization: &OrganizationId) -> Result<Vec<Service>> {
    list(db, organization, "", "", i64::MAX).await
}

const OPEN_ALERTS: &str =
    "SELECT COUNT(*) FROM alerts WHERE organization_id = $1 AND service_id = $2 AND status <> 3";
const DELETE: &str = "DELETE FROM services WHERE organization_id = $1 AND id = $2";

/// How many open alerts a service has.
pub async fn open_alerts(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<i64> {
    with_db!(tx, |c| sqlx::query_scalar(OPEN_ALERTS).bind(organization.as_str()).bind(id).fetch_one(c))
}

/// Deletes a service with its keys and rules; false if there is none.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

#[derive(FromRow)]
struct KeyRow {
    id: Uuid,
    service_id: Uuid,
    name: String,
    hint: String,
    created_at: i64,
    rotated_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl From<KeyRow> for IntegrationKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            service_id: row.service_id,
            name: row.name,
            hint: row.hint,
            created_at: timestamp(row.created_at),
            rotated_at: optional_timestamp(row.rotated_at),
            revoked_at: optional_timestamp(row.revoked_at),
        }
    }
}

const INSERT_KEY: &str = "INSERT INTO integration_keys \
     (id, organization_id, service_id, name, secret_sha256, hint, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Writes a new key.
pub async fn insert_key(
    tx: &mut Tx,
    organization: &OrganizationId,
    key: &IntegrationKey,
    hash: &str,
) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(INSERT_KEY).bind(key.id).bind(organization.as_str()).bind(key.service_id);
        let query = query.bind(&key.name).bind(hash).bind(&key.hint).bind(micros(key.created_at));
        query.execute(c).await.map(drop)
    })
}

const UPDATE_KEY: &str = "UPDATE integration_keys SET hint = $3, rotated_at = $4, revoked_at = $5, \
     secret_sha256 = COALESCE($6, secret_sha256) WHERE organization_id = $1 AND id = $2";

/// Writes a key's new state, with a new secret's hash if it has one.
pub async fn update_key(
    tx: &mut Tx,
    organization: &OrganizationId,
    key: &IntegrationKey,
    hash: Option<&str>,
) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(UPDATE_KEY).bind(organization.as_str()).bind(key.id).bind(&key.hint);
        let query = query.bind(optional_micros(key.rotated_at)).bind(optional_micros(key.revoked_at));
        query.bind(hash).execute(c).await.map(drop)
    })
}

const LIST_KEYS: &str =
    "SELECT * FROM integration_keys WHERE organization_id = $1 AND service_id = $2 ORDER BY name LIMIT 100";

/// The keys of a service by name.
pub async fn list_keys(
    db: &Db,
    organization: &OrganizationId,
    service_id: Uuid,
) -> Result<Vec<IntegrationKey>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, KeyRow>(LIST_KEYS)
        .bind(organization.as_str())
        .bind(service_id)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(IntegrationKey::from).collect())
}

const GET_KEY: &str = "SELECT * FROM integration_keys WHERE organization_id = $1 AND id = $2";

/// One key.
pub async fn get_key(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<Option<IntegrationKey>> {
    let row = with_db!(tx, |c| sqlx::query_as::<_, KeyRow>(GET_KEY)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    Ok(row.map(IntegrationKey::from))
}

const KEY_BY_HASH: &str = "SELECT organization_id, service_id, name FROM integration_keys WHERE secret_sha256 = $1 AND revoked_at IS NULL";

/// What the secret with this hash opens, if its key is good.
pub async fn key_by_hash(db: &Db, hash: &str) -> Result<Option<KeyHit>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, (String, Uuid, String)>(KEY_BY_HASH)
        .bind(hash)
        .fetch_optional(c))?;
    Ok(row.map(|(organization, service_id, key_name)| KeyHit {
        organization: organization.into(),
        service_id,
        key_name,
    }))
}
