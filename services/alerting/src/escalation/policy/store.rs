//! Escalation policies in the database.

use callout_auth::OrganizationId;
use callout_store::{Db, Result, StoreError, Tx, micros, timestamp, with_db};
use jiff::SignedDuration;
use sqlx::FromRow;
use uuid::Uuid;

use super::Policy;

#[derive(FromRow)]
struct PolicyRow {
    id: Uuid,
    name: String,
    description: String,
    steps: String,
    repeat_count: i64,
    acknowledge_timeout: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<PolicyRow> for Policy {
    type Error = StoreError;

    fn try_from(row: PolicyRow) -> Result<Self> {
        let steps = serde_json::from_str(&row.steps);
        Ok(Self {
            id: row.id,
            name: row.name,
            description: row.description,
            steps: steps.map_err(|error| StoreError::corrupt("escalation_policies", error.to_string()))?,
            repeat_count: u32::try_from(row.repeat_count).unwrap_or(0),
            acknowledge_timeout: row.acknowledge_timeout.map(SignedDuration::from_micros),
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
        })
    }
}

const LIST: &str = "SELECT * FROM escalation_policies WHERE organization_id = $1 AND name > $2 \
     AND ($3 = '' OR name = $3) ORDER BY name LIMIT $4";

/// Policies by name, after one.
pub async fn list(
    db: &Db,
    organization: &OrganizationId,
    after: &str,
    name: &str,
    limit: i64,
) -> Result<Vec<Policy>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, PolicyRow>(LIST)
        .bind(organization.as_str())
        .bind(after)
        .bind(name)
        .bind(limit)
        .fetch_all(c))?;
    rows.into_iter().map(Policy::try_from).collect()
}

/// Every policy of an organization.
pub async fn all(db: &Db, organization: &OrganizationId) -> Result<Vec<Policy>> {
    list(db, organization, "", "", i64::MAX).await
}

const GET: &str = "SELECT * FROM escalation_policies WHERE organization_id = $1 AND id = $2";

/// One policy.
pub async fn get(db: &Db, organization: &OrganizationId, id: Uuid) -> Result<Option<Policy>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, PolicyRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(Policy::try_from).transpose()
}

const EXISTS: &str = "SELECT COUNT(*) FROM escalation_policies WHERE organization_id = $1 AND id = $2";

/// Whether there is such a policy.
pub async fn exists(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    let count: i64 =
        with_db!(tx, |c| sqlx::query_scalar(EXISTS).bind(organization.as_str()).bind(id).fetch_one(c))?;
    Ok(count > 0)
}

const INSERT: &str = "INSERT INTO escalation_policies \
     (id, name, description, steps, repeat_count, acknowledge_timeout, created_at, updated_at, organization_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const UPDATE: &str = "UPDATE escalation_policies SET name = $2, description = $3, steps = $4, repeat_count = $5, \
     acknowledge_timeout = $6, created_at = $7, updated_at = $8 WHERE id = $1 AND organization_id = $9";

/// Writes a new policy.
pub async fn insert(tx: &mut Tx, organization: &OrganizationId, policy: &Policy) -> Result<()> {
    write(tx, INSERT, organization, policy).await
}

/// Writes a policy's new state.
pub async fn update(tx: &mut Tx, organization: &OrganizationId, policy: &Policy) -> Result<()> {
    write(tx, UPDATE, organization, policy).await
}

async fn write(
    tx: &mut Tx,
    statement: &'static str,
    organization: &OrganizationId,
    p: &Policy,
) -> Result<()> {
    let steps = serde_json::to_string(&p.steps).expect("steps are JSON");
    let timeout = p.acknowledge_timeout.map(|wait| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
    with_db!(tx, |c| async {
        let query = sqlx::query(statement).bind(p.id).bind(&p.name).bind(&p.description).bind(&steps);
        let query = query.bind(i64::from(p.repeat_count)).bind(timeout);
        let query = query.bind(micros(p.created_at)).bind(micros(p.updated_at));
        query.bind(organization.as_str()).execute(c).await.map(drop)
    })
}

const USERS: &str = "SELECT (SELECT COUNT(*) FROM services WHERE organization_id = $1 AND escalation_policy_id = $2) \
     + (SELECT COUNT(*) FROM routing_rules WHERE organization_id = $1 AND actions LIKE $3) \
     + (SELECT COUNT(*) FROM escalations e JOIN alerts a ON a.id = e.alert_id \
        WHERE e.organization_id = $1 AND e.policy_id = $2 AND a.status <> 3)";
const DELETE: &str = "DELETE FROM escalation_policies WHERE organization_id = $1 AND id = $2";

/// How many services, rules and open alerts use a policy.
pub async fn users(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<i64> {
    let mentioned = format!("%{id}%");
    with_db!(tx, |c| sqlx::query_scalar(USERS)
        .bind(organization.as_str())
        .bind(id)
        .bind(&mentioned)
        .fetch_one(c))
}

/// Deletes a policy; false if there is none.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}
