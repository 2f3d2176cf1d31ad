//! Schedules in the database.

use std::collections::HashMap;

use callout_auth::OrganizationId;
use callout_store::{Db, Result, StoreError, Tx, micros, timestamp, with_db};
use jiff::{Timestamp, tz::TimeZone};
use sqlx::FromRow;
use uuid::Uuid;

use super::plan::{Override, Schedule};

/// How many overrides of a schedule are looked at.
const MAX_OVERRIDES: i64 = 1000;

#[derive(FromRow)]
struct ScheduleRow {
    id: Uuid,
    name: String,
    description: String,
    time_zone: String,
    rotations: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ScheduleRow> for Schedule {
    type Error = StoreError;

    fn try_from(row: ScheduleRow) -> Result<Self> {
        let rotations = serde_json::from_str(&row.rotations);
        let zone = TimeZone::get(&row.time_zone);
        Ok(Self {
            id: row.id,
            name: row.name,
            description: row.description,
            time_zone: zone.map_err(|error| StoreError::corrupt("schedules", error.to_string()))?,
            rotations: rotations.map_err(|error| StoreError::corrupt("schedules", error.to_string()))?,
            overrides: Vec::new(),
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
        })
    }
}

#[derive(FromRow)]
struct OverrideRow {
    id: Uuid,
    schedule_id: Uuid,
    start_at: i64,
    end_at: i64,
    remove_user_id: Option<String>,
    add_user_id: Option<String>,
    created_at: i64,
    created_by: String,
}

impl From<OverrideRow> for Override {
    fn from(row: OverrideRow) -> Self {
        Self {
            id: row.id,
            start: timestamp(row.start_at),
            end: timestamp(row.end_at),
            remove: row.remove_user_id,
            add: row.add_user_id,
            created_at: timestamp(row.created_at),
            created_by: row.created_by,
        }
    }
}

const LIST: &str = "SELECT * FROM schedules WHERE organization_id = $1 AND name > $2 AND ($3 = '' OR name = $3) ORDER BY name LIMIT $4";

/// Schedules by name, after one, without their overrides.
pub async fn list(
    db: &Db,
    organization: &OrganizationId,
    after: &str,
    name: &str,
    limit: i64,
) -> Result<Vec<Schedule>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, ScheduleRow>(LIST)
        .bind(organization.as_str())
        .bind(after)
        .bind(name)
        .bind(limit)
        .fetch_all(c))?;
    rows.into_iter().map(Schedule::try_from).collect()
}

const CURRENT_OVERRIDES: &str =
    "SELECT * FROM schedule_overrides WHERE organization_id = $1 AND end_at > $2 ORDER BY start_at, id";

/// Every schedule of an organization, with the overrides that are not over.
pub async fn all(db: &Db, organization: &OrganizationId, now: Timestamp) -> Result<Vec<Schedule>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, OverrideRow>(CURRENT_OVERRIDES)
        .bind(organization.as_str())
        .bind(micros(now))
        .fetch_all(c))?;
    let mut overrides: HashMap<Uuid, Vec<Override>> = HashMap::new();
    for row in rows {
        overrides.entry(row.schedule_id).or_default().push(row.into());
    }
    let mut schedules = list(db, organization, "", "", i64::MAX).await?;
    for schedule in &mut schedules {
        schedule.overrides = overrides.remove(&schedule.id).unwrap_or_default();
    }
    Ok(schedules)
}

const GET: &str = "SELECT * FROM schedules WHERE organization_id = $1 AND id = $2";

/// One schedule, without its overrides.
pub async fn get(db: &Db, organization: &OrganizationId, id: Uuid) -> Result<Option<Schedule>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, ScheduleRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(Schedule::try_from).transpose()
}

const OVERRIDES: &str = "SELECT * FROM schedule_overrides WHERE organization_id = $1 AND schedule_id = $2 \
     AND end_at > $3 AND start_at < $4 ORDER BY start_at, id LIMIT $5";

/// The overrides of a schedule that touch a range, by their start.
pub async fn overrides(
    db: &Db,
    organization: &OrganizationId,
    schedule_id: Uuid,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Override>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, OverrideRow>(OVERRIDES)
        .bind(organization.as_str())
        .bind(schedule_id)
        .bind(micros(from))
        .bind(micros(to))
        .bind(MAX_OVERRIDES)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(Override::from).collect())
}

const EXISTS: &str = "SELECT COUNT(*) FROM schedules WHERE organization_id = $1 AND id = $2";

/// Whether there is such a schedule.
pub async fn exists(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    let count: i64 =
        with_db!(tx, |c| sqlx::query_scalar(EXISTS).bind(organization.as_str()).bind(id).fetch_one(c))?;
    Ok(count > 0)
}

const INSERT: &str = "INSERT INTO schedules \
     (id, name, description, time_zone, rotations, created_at, updated_at, organization_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE: &str = "UPDATE schedules SET name = $2, description = $3, time_zone = $4, rotations = $5, \
     created_at = $6, updated_at = $7 WHERE id = $1 AND organization_id = $8";

/// Writes a new schedule.
pub async fn insert(tx: &mut Tx, organization: &OrganizationId, schedule: &Schedule) -> Result<()> {
    write(tx, INSERT, organization, schedule).await
}

/// Writes a schedule's new state.
pub async fn update(tx: &mut Tx, organization: &OrganizationId, schedule: &Schedule) -> Result<()> {
    write(tx, UPDATE, organization, schedule).await
}

async fn write(
    tx: &mut Tx,
    statement: &'static str,
    organization: &OrganizationId,
    s: &Schedule,
) -> Result<()> {
    let rotations = serde_json::to_string(&s.rotations).expect("rotations are JSON");
    let zone = s.time_zone.iana_name().unwrap_or("UTC").to_owned();
    with_db!(tx, |c| async {
        let query = sqlx::query(statement).bind(s.id).bind(&s.name).bind(&s.description).bind(&zone);
        let query = query.bind(&rotations).bind(micros(s.created_at)).bind(micros(s.updated_at));
        query.bind(organization.as_str()).execute(c).await.map(drop)
    })
}

const USERS: &str = "SELECT COUNT(*) FROM escalation_policies WHERE organization_id = $1 AND steps LIKE $2";
const DELETE: &str = "DELETE FROM schedules WHERE organization_id = $1 AND id = $2";

/// How many escalation policies use a schedule.
pub async fn users(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<i64> {
    let mentioned = format!("%{id}%");
    with_db!(tx, |c| sqlx::query_scalar(USERS).bind(organization.as_str()).bind(&mentioned).fetch_one(c))
}

/// Deletes a schedule; false if there is none.
pub async fn delete(tx: &mut Tx, organization: &OrganizationId, id: Uuid) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(organization.as_str()).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

const INSERT_OVERRIDE: &str = "INSERT INTO schedule_overrides \
     (id, organization_id, schedule_id, start_at, end_at, remove_user_id, add_user_id, created_at, created_by) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Writes a new override.
pub async fn insert_override(
    tx: &mut Tx,
    organization: &OrganizationId,
    schedule_id: Uuid,
    o: &Override,
) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(INSERT_OVERRIDE).bind(o.id).bind(organization.as_str()).bind(schedule_id);
        let query = query.bind(micros(o.start)).bind(micros(o.end)).bind(&o.remove).bind(&o.add);
        query.bind(micros(o.created_at)).bind(&o.created_by).execute(c).await.map(drop)
    })
}

const DELETE_OVERRIDE: &str =
    "DELETE FROM schedule_overrides WHERE organization_id = $1 AND schedule_id = $2 AND id = $3";

/// Deletes an override; false if there is none.
pub async fn delete_override(
    tx: &mut Tx,
    organization: &OrganizationId,
    schedule_id: Uuid,
    id: Uuid,
) -> Result<bool> {
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE_OVERRIDE).bind(organization.as_str()).bind(schedule_id).bind(id);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}
