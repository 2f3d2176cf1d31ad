//! Alerts in the database.

use std::collections::BTreeMap;

use callout_auth::OrganizationId;
use callout_store::{
    Db, Either, Result, StoreError, Tx, dialect, micros, optional_micros, optional_timestamp, timestamp,
    with_db,
};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{Alert, AlertId, Priority, Status};

#[derive(FromRow)]
pub(crate) struct AlertRow {
    id: Uuid,
    organization_id: String,
    service_id: Uuid,
    summary: String,
    details: String,
    status: i64,
    priority: i64,
    source: String,
    fingerprint: String,
    dedup_count: i64,
    labels: Json<BTreeMap<String, String>>,
    annotations: String,
    links: String,
    assignee_user_id: Option<String>,
    snoozed_until: Option<i64>,
    started_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    acknowledged_at: Option<i64>,
    acknowledged_by: Option<String>,
    resolved_at: Option<i64>,
    resolved_by: Option<String>,
    external_ticket_id: Option<String>,
    suppressed: bool,
    template: Option<String>,
}

impl TryFrom<AlertRow> for Alert {
    type Error = StoreError;

    fn try_from(row: AlertRow) -> Result<Self> {
        let corrupt = |what: &str| StoreError::corrupt("alerts", format!("{}: {what}", row.id));
        Ok(Self {
            id: AlertId(row.id),
            organization: row.organization_id.into(),
            service_id: row.service_id,
            summary: row.summary,
            details: row.details,
            status: Status::from_number(row.status).ok_or_else(|| corrupt("status"))?,
            priority: Priority::from_number(row.priority).ok_or_else(|| corrupt("priority"))?,
            source: row.source,
            fingerprint: row.fingerprint,
            dedup_count: row.dedup_count,
            labels: row.labels.0,
            annotations: serde_json::from_str(&row.annotations).map_err(|_| corrupt("annotations"))?,
            links: serde_json::from_str(&row.links).map_err(|_| corrupt("links"))?,
            assignee_user_id: row.assignee_user_id,
            snoozed_until: optional_timestamp(row.snoozed_until),
            started_at: optional_timestamp(row.started_at),
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
            acknowledged_at: optional_timestamp(row.acknowledged_at),
            acknowledged_by: row.acknowledged_by,
            resolved_at: optional_timestamp(row.resolved_at),
            resolved_by: row.resolved_by,
            external_ticket_id: row.external_ticket_id,
            suppressed: row.suppressed,
            template: row.template,
        })
    }
}

pub(crate) fn alerts(rows: Vec<AlertRow>) -> Result<Vec<Alert>> {
    rows.into_iter().map(Alert::try_from).collect()
}

const GET: &str = "SELECT * FROM alerts WHERE organization_id = $1 AND id = $2";

/// One alert.
pub async fn get(db: &Db, organization: &OrganizationId, id: AlertId) -> Result<Option<Alert>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, AlertRow>(GET)
        .bind(organization.as_str())
        .bind(id.0)
        .fetch_optional(c))?;
    row.map(Alert::try_from).transpose()
}

const LOCK_POSTGRES: &str = "SELECT * FROM alerts WHERE organization_id = $1 AND id = $2 FOR UPDATE";

/// One alert, which nobody else changes until the transaction ends.
pub async fn lock(tx: &mut Tx, organization: &OrganizationId, id: AlertId) -> Result<Option<Alert>> {
    let statement = dialect!(tx, postgres: LOCK_POSTGRES, sqlite: GET);
    let row = with_db!(tx, |c| sqlx::query_as::<_, AlertRow>(statement)
        .bind(organization.as_str())
        .bind(id.0)
        .fetch_optional(c))?;
    row.map(Alert::try_from).transpose()
}

/// What tells an open alert from the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpenKey {
    /// The organization.
    pub organization: OrganizationId,
    /// The service.
    pub service_id: Uuid,
    /// The fault.
    pub fingerprint: String,
}

const LOCK_OPEN_MANY: &str = "SELECT a.* FROM alerts a \
     JOIN UNNEST($1::text[], $2::uuid[], $3::text[]) AS k (organization_id, service_id, fingerprint) \
     ON a.organization_id = k.organization_id AND a.service_id = k.service_id AND a.fingerprint = k.fingerprint \
     WHERE a.status <> 3 ORDER BY a.id FOR UPDATE OF a";
const OPEN_ONE: &str = "SELECT * FROM alerts WHERE organization_id = $1 AND service_id = $2 AND fingerprint = $3 AND status <> 3";

/// The open alerts with these keys, which nobody else changes until the transaction ends.
pub async fn lock_open(tx: &mut Tx, keys: &[OpenKey]) -> Result<Vec<Alert>> {
    let rows = match tx.either() {
        Either::Postgres(c) => {
            sqlx::query_as::<_, AlertRow>(LOCK_OPEN_MANY)
                .bind(keys.iter().map(|key| key.organization.to_string()).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| key.service_id).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| key.fingerprint.clone()).collect::<Vec<_>>())
                .fetch_all(c)
                .await?
        }
        Either::Sqlite(c) => {
            let mut rows = Vec::new();
            for key in keys {
                let query = sqlx::query_as::<_, AlertRow>(OPEN_ONE).bind(key.organization.as_str());
                rows.extend(query.bind(key.service_id).bind(&key.fingerprint).fetch_optional(&mut *c).await?);
            }
            rows
        }
    };
    alerts(rows)
}

const INSERT_MANY: &str = "INSERT INTO alerts (id, organization_id, service_id, summary, details, status, priority, \
     source, fingerprint, dedup_count, labels, annotations, links, started_at, created_at, updated_at, resolved_at, \
     resolved_by, suppressed, template) \
     SELECT id, organization_id, service_id, summary, details, status, priority, source, fingerprint, dedup_count, \
     labels::jsonb, annotations, links, started_at, created_at, updated_at, resolved_at, resolved_by, suppressed, \
     template \
     FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], \
     $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[], \
     $17::bigint[], $18::text[], $19::boolean[], $20::text[]) \
     AS new (id, organization_id, service_id, summary, details, status, priority, source, fingerprint, dedup_count, \
     labels, annotations, links, started_at, created_at, updated_at, resolved_at, resolved_by, suppressed, template) \
     ON CONFLICT (organization_id, service_id, fingerprint) WHERE status <> 3 DO NOTHING";
const INSERT_ONE: &str = "INSERT INTO alerts (id, organization_id, service_id, summary, details, status, priority, \
     source, fingerprint, dedup_count, labels, annotations, links, started_at, created_at, updated_at, resolved_at, \
     resolved_by, suppressed, template) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
     ON CONFLICT (organization_id, service_id, fingerprint) WHERE status <> 3 DO NOTHING";

/// Writes new alerts; returns how many of them found their place free. Another node may have
/// opened the same alert since it was looked for.
pub async fn insert(tx: &mut Tx, new: &[Alert]) -> Result<u64> {
    match tx.either() {
        Either::Postgres(c) => {
            let done = sqlx::query(INSERT_MANY)
                .bind(new.iter().map(|a| a.id.0).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.organization.to_string()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.service_id).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.summary.clone()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.details.clone()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.status as i64).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.priority as i64).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.source.clone()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.fingerprint.clone()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.dedup_count).collect::<Vec<_>>())
                .bind(new.iter().map(|a| json(&a.labels)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| json(&a.annotations)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| json(&a.links)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| optional_micros(a.started_at)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| micros(a.created_at)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| micros(a.updated_at)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| optional_micros(a.resolved_at)).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.resolved_by.clone()).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.suppressed).collect::<Vec<_>>())
                .bind(new.iter().map(|a| a.template.clone()).collect::<Vec<_>>())
                .execute(c)
                .await?;
            Ok(done.rows_affected())
        }
        Either::Sqlite(c) => {
            let mut inserted = 0;
            for a in new {
                let query =
                    sqlx::query(INSERT_ONE).bind(a.id.0).bind(a.organization.as_str()).bind(a.service_id);
                let query =
                    query.bind(&a.summary).bind(&a.details).bind(a.status as i64).bind(a.priority as i64);
                let query = query.bind(&a.source).bind(&a.fingerprint).bind(a.dedup_count);
                let query = query.bind(json(&a.labels)).bind(json(&a.annotations)).bind(json(&a.links));
                let query = query.bind(optional_micros(a.started_at)).bind(micros(a.created_at));
                let query = query.bind(micros(a.updated_at)).bind(optional_micros(a.resolved_at));
                let query = query.bind(&a.resolved_by).bind(a.suppressed).bind(&a.template);
                inserted += query.execute(&mut *c).await?.rows_affected();
            }
            Ok(inserted)
        }
    }
}

const UPDATE: &str = "UPDATE alerts SET summary = $3, details = $4, status = $5, priority = $6, dedup_count = $7, \
     labels = $8, annotations = $9, links = $10, assignee_user_id = $11, snoozed_until = $12, updated_at = $13, \
     acknowledged_at = $14, acknowledged_by = $15, resolved_at = $16, resolved_by = $17, external_ticket_id = $18 \
     WHERE organization_id = $1 AND id = $2";

/// Writes an alert's new state.
pub async fn update(tx: &mut Tx, a: &Alert) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(UPDATE).bind(a.organization.as_str()).bind(a.id.0);
        let query = query.bind(&a.summary).bind(&a.details).bind(a.status as i64).bind(a.priority as i64);
        let query =
            query.bind(a.dedup_count).bind(Json(&a.labels)).bind(json(&a.annotations)).bind(json(&a.links));
        let query = query.bind(&a.assignee_user_id).bind(optional_micros(a.snoozed_until));
        let query = query.bind(micros(a.updated_at)).bind(optional_micros(a.acknowledged_at));
        let query = query.bind(&a.acknowledged_by).bind(optional_micros(a.resolved_at)).bind(&a.resolved_by);
        query.bind(&a.external_ticket_id).execute(c).await.map(drop)
    })
}

const REPORT_MANY: &str = "UPDATE alerts SET dedup_count = n.dedup_count, updated_at = n.updated_at, \
     annotations = n.annotations, status = n.status, resolved_at = n.resolved_at, resolved_by = n.resolved_by, \
     snoozed_until = CASE WHEN n.status = 3 THEN NULL ELSE alerts.snoozed_until END \
     FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]) \
     AS n (id, dedup_count, updated_at, annotations, status, resolved_at, resolved_by) WHERE alerts.id = n.id";

/// Writes what reports change in alerts that were open: how often they were reported, and whether
/// they are closed.
pub async fn report(tx: &mut Tx, changed: &[Alert]) -> Result<()> {
    if let Either::Postgres(c) = tx.either() {
        sqlx::query(REPORT_MANY)
            .bind(changed.iter().map(|a| a.id.0).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| a.dedup_count).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| micros(a.updated_at)).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| json(&a.annotations)).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| a.status as i64).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| optional_micros(a.resolved_at)).collect::<Vec<_>>())
            .bind(changed.iter().map(|a| a.resolved_by.clone()).collect::<Vec<_>>())
            .execute(c)
            .await?;
        return Ok(());
    }
    for alert in changed {
        update(tx, alert).await?;
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data is JSON")
}
