//! Escalations in the database.

use callout_auth::OrganizationId;
use callout_store::{
    Db, Either, Result, StoreError, Tx, dialect, micros, optional_micros, optional_timestamp, timestamp,
    with_db,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use super::step::{Escalation, Phase};
use crate::alert::AlertId;

/// The escalation of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The alert.
    pub alert_id: AlertId,
    /// The organization.
    pub organization: OrganizationId,
    /// The policy it follows.
    pub policy_id: Uuid,
    /// How far it has come.
    pub state: Escalation,
}

#[derive(FromRow)]
struct EscalationRow {
    alert_id: Uuid,
    organization_id: String,
    policy_id: Uuid,
    phase: i64,
    step: i64,
    round: i64,
    due_at: Option<i64>,
}

impl TryFrom<EscalationRow> for Stored {
    type Error = StoreError;

    fn try_from(row: EscalationRow) -> Result<Self> {
        let phase = Phase::from_number(row.phase);
        Ok(Self {
            alert_id: AlertId(row.alert_id),
            organization: row.organization_id.into(),
            policy_id: row.policy_id,
            state: Escalation {
                phase: phase.ok_or_else(|| StoreError::corrupt("escalations", row.alert_id.to_string()))?,
                step: u32::try_from(row.step).unwrap_or(0),
                round: u32::try_from(row.round).unwrap_or(1),
                due_at: optional_timestamp(row.due_at),
            },
        })
    }
}

const INSERT_MANY: &str = "INSERT INTO escalations (alert_id, organization_id, policy_id, phase, step, round, due_at) \
     SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])";
const INSERT_ONE: &str = "INSERT INTO escalations (alert_id, organization_id, policy_id, phase, step, round, due_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Writes new escalations.
pub async fn insert(tx: &mut Tx, new: &[Stored]) -> Result<()> {
    match tx.either() {
        Either::Postgres(c) => {
            sqlx::query(INSERT_MANY)
                .bind(new.iter().map(|e| e.alert_id.0).collect::<Vec<_>>())
                .bind(new.iter().map(|e| e.organization.to_string()).collect::<Vec<_>>())
                .bind(new.iter().map(|e| e.policy_id).collect::<Vec<_>>())
                .bind(new.iter().map(|e| e.state.phase as i64).collect::<Vec<_>>())
                .bind(new.iter().map(|e| i64::from(e.state.step)).collect::<Vec<_>>())
                .bind(new.iter().map(|e| i64::from(e.state.round)).collect::<Vec<_>>())
                .bind(new.iter().map(|e| optional_micros(e.state.due_at)).collect::<Vec<_>>())
                .execute(c)
                .await?;
        }
        Either::Sqlite(c) => {
            for e in new {
                let query = sqlx::query(INSERT_ONE).bind(e.alert_id.0).bind(e.organization.as_str());
                let query = query.bind(e.policy_id).bind(e.state.phase as i64).bind(i64::from(e.state.step));
                let query = query.bind(i64::from(e.state.round)).bind(optional_micros(e.state.due_at));
                query.execute(&mut *c).await?;
            }
        }
    }
    Ok(())
}

const UPDATE: &str =
    "UPDATE escalations SET phase = $2, step = $3, round = $4, due_at = $5 WHERE alert_id = $1";

/// Writes an escalation's new state.
pub async fn update(tx: &mut Tx, alert_id: AlertId, state: &Escalation) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(UPDATE).bind(alert_id.0).bind(state.phase as i64).bind(i64::from(state.step));
        let query = query.bind(i64::from(state.round)).bind(optional_micros(state.due_at));
        query.execute(c).await.map(drop)
    })
}

const END_MANY: &str = "UPDATE escalations SET phase = 5, due_at = NULL WHERE alert_id = ANY($1)";
const END_ONE: &str = "UPDATE escalations SET phase = 5, due_at = NULL WHERE alert_id = $1";

/// Ends the escalations of alerts that were closed.
pub async fn end(tx: &mut Tx, alerts: &[AlertId]) -> Result<()> {
    match tx.either() {
        Either::Postgres(c) => {
            let ids: Vec<_> = alerts.iter().map(|id| id.0).collect();
            sqlx::query(END_MANY).bind(ids).execute(c).await?;
        }
        Either::Sqlite(c) => {
            for id in alerts {
                sqlx::query(END_ONE).bind(id.0).execute(&mut *c).await?;
            }
        }
    }
    Ok(())
}

const GET: &str = "SELECT * FROM escalations WHERE alert_id = $1";

/// The escalation of an alert, as the transaction sees it. Whoever changes it holds the alert's lock.
pub async fn get(tx: &mut Tx, alert_id: AlertId) -> Result<Option<Stored>> {
    let row = with_db!(tx, |c| sqlx::query_as::<_, EscalationRow>(GET).bind(alert_id.0).fetch_optional(c))?;
    row.map(Stored::try_from).transpose()
}

/// The escalation of an alert.
pub async fn find(db: &Db, alert_id: AlertId) -> Result<Option<Stored>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, EscalationRow>(GET).bind(alert_id.0).fetch_optional(c))?;
    row.map(Stored::try_from).transpose()
}

const OF_ALERTS: &str = "SELECT * FROM escalations WHERE alert_id = ANY($1)";

/// The escalations of these alerts.
pub async fn of_alerts(db: &Db, alerts: &[AlertId]) -> Result<Vec<Stored>> {
    let rows: Vec<EscalationRow> = match db.either() {
        Either::Postgres(pool) => {
            let ids: Vec<_> = alerts.iter().map(|id| id.0).collect();
            sqlx::query_as(OF_ALERTS).bind(ids).fetch_all(pool).await?
        }
        Either::Sqlite(pool) => {
            let mut rows = Vec::new();
            for id in alerts {
                rows.extend(sqlx::query_as::<_, EscalationRow>(GET).bind(id.0).fetch_optional(pool).await?);
            }
            rows
        }
    };
    rows.into_iter().map(Stored::try_from).collect()
}

const DUE: &str = "SELECT * FROM escalations WHERE due_at <= $1 ORDER BY due_at LIMIT $2";

/// The escalations that are due, the longest waiting first.
pub async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Stored>> {
    let rows =
        with_db!(db, |c| sqlx::query_as::<_, EscalationRow>(DUE).bind(micros(now)).bind(limit).fetch_all(c))?;
    rows.into_iter().map(Stored::try_from).collect()
}

const LOCK_DUE_POSTGRES: &str = "SELECT a.id FROM alerts a JOIN escalations e ON e.alert_id = a.id \
     WHERE a.id = $1 AND e.due_at <= $2 FOR UPDATE OF a SKIP LOCKED";
const LOCK_DUE_SQLITE: &str = "SELECT alert_id FROM escalations WHERE alert_id = $1 AND due_at <= $2";

/// Whether an escalation is still due and nobody else is at it; holds the alert's lock if so.
pub async fn lock_due(tx: &mut Tx, alert_id: AlertId, now: Timestamp) -> Result<bool> {
    let statement = dialect!(tx, postgres: LOCK_DUE_POSTGRES, sqlite: LOCK_DUE_SQLITE);
    let row: Option<Uuid> =
        with_db!(tx, |c| sqlx::query_scalar(statement).bind(alert_id.0).bind(micros(now)).fetch_optional(c))?;
    Ok(row.is_some())
}

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM escalations WHERE due_at IS NOT NULL";

/// When the next escalation is due.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let due = with_db!(db, |c| sqlx::query_scalar::<_, Option<i64>>(NEXT_DUE).fetch_one(c))?;
    Ok(due.map(timestamp))
}
