//! Routing rules in the database.

use std::collections::HashMap;

use callout_auth::OrganizationId;
use callout_store::{Db, Result, StoreError, Tx, micros, timestamp, with_db};
use sqlx::FromRow;
use uuid::Uuid;

use super::rule::Rule;

#[derive(FromRow)]
struct RuleRow {
    id: Uuid,
    service_id: Uuid,
    position: i64,
    name: String,
    condition: String,
    actions: String,
    continue_matching: bool,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<RuleRow> for Rule {
    type Error = StoreError;

    fn try_from(row: RuleRow) -> Result<Self> {
        let actions = serde_json::from_str(&row.actions);
        Ok(Self {
            id: row.id,
            service_id: row.service_id,
            position: row.position,
            name: row.name,
            condition: row.condition,
            actions: actions.map_err(|error| StoreError::corrupt("routing_rules", error.to_string()))?,
            continue_matching: row.continue_matching,
            disabled: row.disabled,
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
        })
    }
}

const COLUMNS: &str = "SELECT id, service_id, position, name, condition, actions, continue_matching, disabled, \
     created_at, updated_at FROM routing_rules WHERE organization_id = $1 ORDER BY service_id, position, id";

/// Every rule of an organization, by service.
pub async fn all(db: &Db, organization: &OrganizationId) -> Result<HashMap<Uuid, Vec<Rule>>> {
    let rows =
        with_db!(db, |c| sqlx::query_as::<_, RuleRow>(COLUMNS).bind(organization.as_str()).fetch_all(c))?;
    let mut rules: HashMap<Uuid, Vec<Rule>> = HashMap::new();
    for row in rows {
        rules.entry(row.service_id).or_default().push(row.try_into()?);
    }
    Ok(rules)
}

const OF_SERVICE: &str =
    "SELECT * FROM routing_rules WHERE organization_id = $1 AND service_id = $2 ORDER BY position, id";

/// A service's rules in their order, as the transaction sees them.
pub async fn of_service(tx: &mut Tx, organization: &OrganizationId, service_id: Uuid) -> Result<Vec<Rule>> {
    let rows = with_db!(tx, |c| sqlx::query_as::<_, RuleRow>(OF_SERVICE)
        .bind(organization.as_str())
        .bind(service_id)
        .fetch_all(c))?;
    rows.into_iter().map(Rule::try_from).collect()
}

const GET: &str = "SELECT * FROM routing_rules WHERE organization_id = $1 AND id = $2";

/// One rule.
pub async fn get(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<Option<Rule>> {
    let row = with_db!(tx, |c| sqlx::query_as::<_, RuleRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(Rule::try_from).transpose()
}

const INSERT: &str = "INSERT INTO routing_rules (id, service_id, position, name, condition, actions, \
     continue_matching, disabled, created_at, updated_at, organization_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE: &str = "UPDATE routing_rules SET service_id = $2, position = $3, name = $4, condition = $5, \
     actions = $6, continue_matching = $7, disabled = $8, created_at = $9, updated_at = $10 \
     WHERE id = $1 AND organization_id = $11";

/// Writes a new rule.
pub async fn insert(tx: &mut Tx, organization: &OrganizationId, rule: &Rule) -> Result<()> {
    write(tx, INSERT, organization, rule).await
}

/// Writes a rule's new state.
pub async fn update(tx: &mut Tx, organization: &OrganizationId, rule: &Rule) -> Result<()> {
    write(tx, UPDATE, organization, rule).await
}

async fn write(
    tx: &mut Tx,
    statement: &'static str,
    organization: &OrganizationId,
    rule: &Rule,
) -> Result<()> {
    let actions = serde_json::to_string(&rule.actions).expect("actions are JSON");
    with_db!(tx, |c| async {
        let query = sqlx::query(statement).bind(rule.id).bind(rule.service_id).bind(rule.position);
        let query = query.bind(&rule.name).bind(&rule.condition).bind(&actions);
        let query = query.bind(rule.continue_matching).bind(rule.disabled);
        let query = query.bind(micros(rule.created_at)).bind(micros(rule.updated_at));
        query.bind(organization.as_str()).execute(c).await.map(drop)
    })
}

const DELETE: &str = "DELETE FROM routing_rules WHERE organization_id = $1 AND id = $2";

/// Deletes a rule; false if there is none.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}
