//! Alerts' histories in the database.

use callout_auth::OrganizationId;
use callout_store::{Db, Either, Result, StoreError, Tx, micros, new_id, timestamp, with_db};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    AlertId,
    event::{Event, EventKind, RecordedEvent},
};

#[derive(FromRow)]
struct EventRow {
    id: Uuid,
    organization_id: String,
    alert_id: Uuid,
    at: i64,
    kind: i64,
    actor: String,
    message: String,
    details: String,
}

impl TryFrom<EventRow> for RecordedEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self> {
        let details = serde_json::from_str(&row.details);
        let event = Event {
            organization: row.organization_id.into(),
            alert_id: AlertId(row.alert_id),
            at: timestamp(row.at),
            kind: EventKind::from_number(row.kind)
                .ok_or_else(|| StoreError::corrupt("alert_events", format!("kind {}", row.kind)))?,
            actor: row.actor,
            message: row.message,
            details: details.map_err(|error| StoreError::corrupt("alert_events", error.to_string()))?,
        };
        Ok(Self { id: row.id, event })
    }
}

const INSERT_MANY: &str = "INSERT INTO alert_events (id, organization_id, alert_id, at, kind, actor, message, details) \
     SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], \
     $8::text[])";
const INSERT_ONE: &str = "INSERT INTO alert_events (id, organization_id, alert_id, at, kind, actor, message, details) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Adds entries to histories, in their order, and says how they stand there.
pub async fn append(tx: &mut Tx, events: Vec<Event>) -> Result<Vec<RecordedEvent>> {
    let recorded: Vec<_> =
        events.into_iter().map(|event| RecordedEvent { id: new_id(event.at), event }).collect();
    let details = |r: &RecordedEvent| serde_json::to_string(&r.event.details).expect("details are JSON");
    match tx.either() {
        Either::Postgres(c) => {
            sqlx::query(INSERT_MANY)
                .bind(recorded.iter().map(|r| r.id).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| r.event.organization.to_string()).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| r.event.alert_id.0).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| micros(r.event.at)).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| r.event.kind as i64).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| r.event.actor.clone()).collect::<Vec<_>>())
                .bind(recorded.iter().map(|r| r.event.message.clone()).collect::<Vec<_>>())
                .bind(recorded.iter().map(details).collect::<Vec<_>>())
                .execute(c)
                .await?;
        }
        Either::Sqlite(c) => {
            for r in &recorded {
                let query = sqlx::query(INSERT_ONE).bind(r.id).bind(r.event.organization.as_str());
                let query = query.bind(r.event.alert_id.0).bind(micros(r.event.at)).bind(r.event.kind as i64);
                query.bind(&r.event.actor).bind(&r.event.message).bind(details(r)).execute(&mut *c).await?;
            }
        }
    }
    Ok(recorded)
}

const LIST: &str =
    "SELECT * FROM alert_events WHERE organization_id = $1 AND alert_id = $2 ORDER BY id LIMIT 5000";

/// An alert's history, oldest first.
pub async fn list(db: &Db, organization: &OrganizationId, alert_id: AlertId) -> Result<Vec<RecordedEvent>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, EventRow>(LIST)
        .bind(organization.as_str())
        .bind(alert_id.0)
        .fetch_all(c))?;
    rows.into_iter().map(RecordedEvent::try_from).collect()
}

const SINCE: &str =
    "SELECT * FROM alert_events WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT 1000";

/// What happened in an organization after an entry.
pub async fn since(db: &Db, organization: &OrganizationId, after: Uuid) -> Result<Vec<RecordedEvent>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, EventRow>(SINCE)
        .bind(organization.as_str())
        .bind(after)
        .fetch_all(c))?;
    rows.into_iter().map(RecordedEvent::try_from).collect()
}
