//! Notifications and deliveries in the database.

use callout_auth::OrganizationId;
use callout_store::{
    Db, Result, StoreError, Tx, dialect, micros, new_id, optional_micros, optional_timestamp, timestamp,
    with_db,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    settle::Finished,
    state::{Priority, Status},
};
use crate::rendered::Kind;

/// A message as it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its id.
    pub id: Uuid,
    /// The organization.
    pub organization: OrganizationId,
    /// The caller's idempotency key.
    pub request_id: String,
    /// Tells requests with the same key apart.
    pub content_sha256: String,
    /// What it is about.
    pub subject: String,
    /// How much it matters.
    pub priority: Priority,
    /// The template; `None`: the built-in one.
    pub template_id: Option<Uuid>,
    /// The template's name.
    pub template_name: String,
    /// The template's version.
    pub template_version: i64,
    /// What the template can use.
    pub context: Value,
    /// When the caller decided to send it.
    pub decided_at: Timestamp,
    /// When it was taken.
    pub created_at: Timestamp,
    /// Users whose contact methods are not known yet.
    pub waiting_users: Vec<String>,
    /// When they are looked for again.
    pub resolve_at: Option<Timestamp>,
    /// How often they have been looked for.
    pub resolve_attempts: i64,
}

#[derive(FromRow)]
struct NotificationRow {
    id: Uuid,
    organization_id: String,
    request_id: String,
    content_sha256: String,
    subject: String,
    priority: i64,
    template_id: Option<Uuid>,
    template_name: String,
    template_version: i64,
    context: String,
    decided_at: i64,
    created_at: i64,
    waiting_users: String,
    resolve_at: Option<i64>,
    resolve_attempts: i64,
}

impl TryFrom<NotificationRow> for Notification {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self> {
        let corrupt = || StoreError::corrupt("notifications", row.id.to_string());
        Ok(Self {
            id: row.id,
            organization: row.organization_id.into(),
            request_id: row.request_id,
            content_sha256: row.content_sha256,
            subject: row.subject,
            priority: Priority::from_number(row.priority).ok_or_else(corrupt)?,
            template_id: row.template_id,
            template_name: row.template_name,
            template_version: row.template_version,
            context: serde_json::from_str(&row.context).map_err(|_| corrupt())?,
            decided_at: timestamp(row.decided_at),
            created_at: timestamp(row.created_at),
            waiting_users: serde_json::from_str(&row.waiting_users).map_err(|_| corrupt())?,
            resolve_at: optional_timestamp(row.resolve_at),
            resolve_attempts: row.resolve_attempts,
        })
    }
}

/// Who gets a delivery, as templates see them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The user's id, or empty.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// Their time zone.
    pub time_zone: String,
}

/// One message to one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The organization.
    pub organization: OrganizationId,
    /// The message.
    pub notification_id: Uuid,
    /// What it is about.
    pub subject: String,
    /// How much it matters.
    pub priority: Priority,
    /// The kind of channel.
    pub kind: Kind,
    /// Where it goes; empty: where the configuration says.
    pub address: String,
    /// The channel configuration, if one was named or found.
    pub channel_id: Option<Uuid>,
    /// Who gets it.
    pub recipient: Recipient,
    /// What it queues up in: deliveries of one lane never hold up those of another.
    pub lane: String,
    /// Where it stands.
    pub status: Status,
    /// How often it was tried.
    pub attempts: i64,
    /// How many attempts that may have arrived were made.
    pub budget_used: i64,
    /// It has reached its destination, or may have.
    pub reached: bool,
    /// When it is tried next, or when the lease of the attempt under way runs out.
    pub due_at: Option<Timestamp>,
    /// Why it waits, failed or is unknown.
    pub last_error: String,
    /// How the provider calls it.
    pub provider_message_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
    /// When the provider took it.
    pub delivered_at: Option<Timestamp>,
}

#[derive(FromRow)]
pub(super) struct DeliveryRow {
    id: Uuid,
    organization_id: String,
    notification_id: Uuid,
    subject: String,
    priority: i64,
    kind: i64,
    address: String,
    channel_id: Option<Uuid>,
    recipient: String,
    lane: String,
    status: i64,
    attempts: i64,
    budget_used: i64,
    reached: bool,
    due_at: Option<i64>,
    last_error: String,
    provider_message_id: String,
    created_at: i64,
    updated_at: i64,
    delivered_at: Option<i64>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        let corrupt = || StoreError::corrupt("deliveries", row.id.to_string());
        Ok(Self {
            id: row.id,
            organization: row.organization_id.into(),
            notification_id: row.notification_id,
            subject: row.subject,
            priority: Priority::from_number(row.priority).ok_or_else(corrupt)?,
            kind: Kind::from_number(row.kind).ok_or_else(corrupt)?,
            address: row.address,
            channel_id: row.channel_id,
            recipient: serde_json::from_str(&row.recipient).map_err(|_| corrupt())?,
            lane: row.lane,
            status: Status::from_number(row.status).ok_or_else(corrupt)?,
            attempts: row.attempts,
            budget_used: row.budget_used,
            reached: row.reached,
            due_at: optional_timestamp(row.due_at),
            last_error: row.last_error,
            provider_message_id: row.provider_message_id,
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
            delivered_at: optional_timestamp(row.delivered_at),
        })
    }
}

fn deliveries(rows: Vec<DeliveryRow>) -> Result<Vec<Delivery>> {
    rows.into_iter().map(Delivery::try_from).collect()
}

const INSERT_NOTIFICATION: &str = "INSERT INTO notifications (id, organization_id, request_id, content_sha256, \
     subject, priority, template_id, template_name, template_version, context, decided_at, created_at, \
     waiting_users, resolve_at, resolve_attempts) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (organization_id, request_id) DO NOTHING";

/// Writes a new notification; false if its request was taken before.
pub async fn insert_notification(tx: &mut Tx, n: &Notification) -> Result<bool> {
    let waiting = serde_json::to_string(&n.waiting_users).expect("ids are JSON");
    with_db!(tx, |c| async {
        let query =
            sqlx::query(INSERT_NOTIFICATION).bind(n.id).bind(n.organization.as_str()).bind(&n.request_id);
        let query =
            query.bind(&n.content_sha256).bind(&n.subject).bind(n.priority as i64).bind(n.template_id);
        let query = query.bind(&n.template_name).bind(n.template_version).bind(n.context.to_string());
        let query = query.bind(micros(n.decided_at)).bind(micros(n.created_at)).bind(&waiting);
        let query = query.bind(optional_micros(n.resolve_at)).bind(n.resolve_attempts);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

const BY_REQUEST: &str =
    "SELECT id, content_sha256 FROM notifications WHERE organization_id = $1 AND request_id = $2";

/// The notification of a request that was taken before, and its content's hash.
pub async fn by_request(
    tx: &mut Tx,
    organization: &OrganizationId,
    request_id: &str,
) -> Result<Option<(Uuid, String)>> {
    with_db!(tx, |c| sqlx::query_as::<_, (Uuid, String)>(BY_REQUEST)
        .bind(organization.as_str())
        .bind(request_id)
        .fetch_optional(c))
}

const GET_NOTIFICATION: &str = "SELECT * FROM notifications WHERE organization_id = $1 AND id = $2";

/// One notification.
pub async fn notification(db: &Db, organization: &OrganizationId, id: Uuid) -> Result<Option<Notification>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, NotificationRow>(GET_NOTIFICATION)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(Notification::try_from).transpose()
}

const UNRESOLVED: &str = "SELECT * FROM notifications WHERE resolve_at <= $1 ORDER BY resolve_at LIMIT 100";

/// Notifications whose recipients are to be looked for again.
pub async fn unresolved(db: &Db, now: Timestamp) -> Result<Vec<Notification>> {
    let rows =
        with_db!(db, |c| sqlx::query_as::<_, NotificationRow>(UNRESOLVED).bind(micros(now)).fetch_all(c))?;
    rows.into_iter().map(Notification::try_from).collect()
}

const SET_WAITING: &str = "UPDATE notifications SET waiting_users = $3, resolve_at = $4, resolve_attempts = $5 \
     WHERE id = $1 AND resolve_attempts = $2";

/// Writes who is still looked for; false if another node was faster.
pub async fn set_waiting(tx: &mut Tx, n: &Notification, was: i64) -> Result<bool> {
    let waiting = serde_json::to_string(&n.waiting_users).expect("ids are JSON");
    with_db!(tx, |c| async {
        let query = sqlx::query(SET_WAITING).bind(n.id).bind(was).bind(&waiting);
        let query = query.bind(optional_micros(n.resolve_at)).bind(n.resolve_attempts);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })
}

const CANCELLED_BEFORE: &str =
    "SELECT cancelled_before FROM subjects WHERE organization_id = $1 AND subject = $2";

/// Up to when messages of a subject are withdrawn.
pub async fn cancelled_before(
    tx: &mut Tx,
    organization: &OrganizationId,
    subject: &str,
) -> Result<Option<Timestamp>> {
    let found: Option<i64> = with_db!(tx, |c| sqlx::query_scalar(CANCELLED_BEFORE)
        .bind(organization.as_str())
        .bind(subject)
        .fetch_optional(c))?;
    Ok(found.map(timestamp))
}

const CANCEL_SUBJECT: &str = "INSERT INTO subjects (organization_id, subject, cancelled_before) VALUES ($1, $2, $3) \
     ON CONFLICT (organization_id, subject) DO UPDATE SET cancelled_before = \
     CASE WHEN subjects.cancelled_before > excluded.cancelled_before THEN subjects.cancelled_before \
     ELSE excluded.cancelled_before END";
const FORGET_WAITING: &str = "UPDATE notifications SET resolve_at = NULL, waiting_users = '[]' \
     WHERE organization_id = $1 AND subject = $2 AND decided_at <= $3 AND resolve_at IS NOT NULL";

/// Withdraws what was decided about a subject up to a time, and what will still arrive of it.
pub async fn cancel_subject(
    tx: &mut Tx,
    organization: &OrganizationId,
    subject: &str,
    before: Timestamp,
) -> Result<()> {
    for statement in [CANCEL_SUBJECT, FORGET_WAITING] {
        with_db!(tx, |c| async {
            let query = sqlx::query(statement).bind(organization.as_str()).bind(subject).bind(micros(before));
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

const PENDING_OF_SUBJECT: &str = "SELECT d.* FROM deliveries d JOIN notifications n ON n.id = d.notification_id \
     WHERE d.organization_id = $1 AND d.subject = $2 AND d.status = 1 AND n.decided_at <= $3";
const PENDING_OF_NOTIFICATION: &str = "SELECT * FROM deliveries \
     WHERE organization_id = $1 AND notification_id = $2 AND status = 1";

/// The deliveries of a subject that wait and were decided up to a time.
pub async fn pending_of_subject(
    tx: &mut Tx,
    organization: &OrganizationId,
    subject: &str,
    before: Timestamp,
) -> Result<Vec<Delivery>> {
    let rows = with_db!(tx, |c| sqlx::query_as::<_, DeliveryRow>(PENDING_OF_SUBJECT)
        .bind(organization.as_str())
        .bind(subject)
        .bind(micros(before))
        .fetch_all(c))?;
    deliveries(rows)
}

/// The deliveries of a notification that wait.
pub async fn pending_of_notification(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: Uuid,
) -> Result<Vec<Delivery>> {
    let rows = with_db!(tx, |c| sqlx::query_as::<_, DeliveryRow>(PENDING_OF_NOTIFICATION)
        .bind(organization.as_str())
        .bind(id)
        .fetch_all(c))?;
    deliveries(rows)
}

const REACHED_OF_SUBJECT: &str = "SELECT * FROM deliveries WHERE organization_id = $1 AND subject = $2 \
     AND (reached OR status = 2) ORDER BY id LIMIT 5000";
const REACHED_OF_NOTIFICATION: &str = "SELECT * FROM deliveries WHERE organization_id = $1 AND notification_id = $2 \
     AND (reached OR status = 2) ORDER BY id LIMIT 5000";

/// The deliveries about a subject that reached somebody, or may have.
pub async fn reached_of_subject(
    tx: &mut Tx,
    organization: &OrganizationId,
    subject: &str,
) -> Result<Vec<Delivery>> {
    let rows = with_db!(tx, |c| sqlx::query_as::<_, DeliveryRow>(REACHED_OF_SUBJECT)
        .bind(organization.as_str())
        .bind(subject)
        .fetch_all(c))?;
    deliveries(rows)
}

/// The deliveries of a notification that reached somebody, or may have.
pub async fn reached_of_notification(
    tx: &mut Tx,
    organization: &OrganizationId,
    id: Uuid,
) -> Result<Vec<Delivery>> {
    let rows = with_db!(tx, |c| sqlx::query_as::<_, DeliveryRow>(REACHED_OF_NOTIFICATION)
        .bind(organization.as_str())
        .bind(id)
        .fetch_all(c))?;
    deliveries(rows)
}

const INSERT: &str = "INSERT INTO deliveries (id, organization_id, notification_id, subject, priority, kind, address, \
     channel_id, user_id, recipient, lane, status, attempts, budget_used, reached, due_at, last_error, \
     provider_message_id, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, $14, $15, '', $16, $16)";

/// Writes new deliveries, with the beginning of their histories.
pub async fn insert(tx: &mut Tx, new: &[Delivery]) -> Result<()> {
    for d in new {
        let recipient = serde_json::to_string(&d.recipient).expect("a recipient is JSON");
        with_db!(tx, |c| async {
            let query = sqlx::query(INSERT).bind(d.id).bind(d.organization.as_str()).bind(d.notification_id);
            let query = query.bind(&d.subject).bind(d.priority as i64).bind(d.kind as i64).bind(&d.address);
            let query = query.bind(d.channel_id).bind(&d.recipient.id).bind(&recipient).bind(&d.lane);
            let query = query.bind(d.status as i64).bind(d.reached).bind(optional_micros(d.due_at));
            query.bind(&d.last_error).bind(micros(d.created_at)).execute(c).await.map(drop)
        })?;
        change(tx, d.id, d.status, &d.last_error, d.created_at).await?;
    }
    Ok(())
}

const CHANGE: &str =
    "INSERT INTO delivery_changes (id, delivery_id, at, status, reason) VALUES ($1, $2, $3, $4, $5)";

async fn change(tx: &mut Tx, delivery_id: Uuid, status: Status, reason: &str, at: Timestamp) -> Result<()> {
    with_db!(tx, |c| async {
        let query = sqlx::query(CHANGE).bind(new_id(at)).bind(delivery_id).bind(micros(at));
        query.bind(status as i64).bind(reason).execute(c).await.map(drop)
    })
}

const SET_STATUS: &str = "UPDATE deliveries SET status = $2, due_at = $3, last_error = $4, updated_at = $5 \
     WHERE id = $1 AND status = $6";

/// Moves a delivery from the status it has; false if it has another by now.
pub async fn set_status(
    tx: &mut Tx,
    delivery: &Delivery,
    status: Status,
    due_at: Option<Timestamp>,
    reason: &str,
    now: Timestamp,
) -> Result<bool> {
    let changed = with_db!(tx, |c| async {
        let query =
            sqlx::query(SET_STATUS).bind(delivery.id).bind(status as i64).bind(optional_micros(due_at));
        let query = query.bind(reason).bind(micros(now)).bind(delivery.status as i64);
        query.execute(c).await.map(|done| done.rows_affected() > 0)
    })?;
    if changed && status != delivery.status {
        change(tx, delivery.id, status, reason, now).await?;
    }
    Ok(changed)
}

const LANES: &str = "SELECT DISTINCT lane FROM deliveries WHERE due_at <= $1 LIMIT 1000";

/// The lanes in which something is due.
pub async fn lanes(db: &Db, now: Timestamp) -> Result<Vec<String>> {
    with_db!(db, |c| sqlx::query_scalar::<_, String>(LANES).bind(micros(now)).fetch_all(c))
}

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM deliveries WHERE due_at IS NOT NULL";

/// When the next delivery is due.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let due = with_db!(db, |c| sqlx::query_scalar::<_, Option<i64>>(NEXT_DUE).fetch_one(c))?;
    Ok(due.map(timestamp))
}

const DUE_POSTGRES: &str = "SELECT * FROM deliveries WHERE lane = $1 AND due_at <= $2 \
     ORDER BY priority DESC, due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED";
const DUE_SQLITE: &str = "SELECT * FROM deliveries WHERE lane = $1 AND due_at <= $2 \
     ORDER BY priority DESC, due_at, id LIMIT $3";

/// What is due in a lane, the most important first; locked until the transaction ends.
pub async fn due(tx: &mut Tx, lane: &str, now: Timestamp, limit: i64) -> Result<Vec<Delivery>> {
    let statement = dialect!(tx, postgres: DUE_POSTGRES, sqlite: DUE_SQLITE);
    let rows = with_db!(tx, |c| sqlx::query_as::<_, DeliveryRow>(statement)
        .bind(lane)
        .bind(micros(now))
        .bind(limit)
        .fetch_all(c))?;
    deliveries(rows)
}

const START: &str =
    "UPDATE deliveries SET status = 2, attempts = attempts + 1, due_at = $2, updated_at = $3 WHERE id = $1";
const START_ATTEMPT: &str = "INSERT INTO delivery_attempts (delivery_id, number, started_at, outcome, detail) \
     VALUES ($1, $2, $3, 0, '')";

/// Notes that an attempt begins, and until when it is left alone.
pub async fn start(
    tx: &mut Tx,
    delivery: &mut Delivery,
    now: Timestamp,
    lease: SignedDuration,
) -> Result<()> {
    let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    delivery.attempts += 1;
    with_db!(tx, |c| async {
        sqlx::query(START).bind(delivery.id).bind(micros(until)).bind(micros(now)).execute(c).await.map(drop)
    })?;
    with_db!(tx, |c| async {
        let query = sqlx::query(START_ATTEMPT).bind(delivery.id).bind(delivery.attempts);
        query.bind(micros(now)).execute(c).await.map(drop)
    })?;
    if delivery.status != Status::Sending {
        change(tx, delivery.id, Status::Sending, "", now).await?;
    }
    delivery.status = Status::Sending;
    Ok(())
}

const FINISH: &str = "UPDATE deliveries SET status = $3, due_at = $4, last_error = $5, budget_used = $6, \
     reached = CASE WHEN $7 THEN $7 ELSE reached END, provider_message_id = $8, updated_at = $9, \
     delivered_at = $10 WHERE id = $1 AND attempts = $2 AND status = 2";
const FINISH_ATTEMPT: &str = "UPDATE delivery_attempts SET finished_at = $3, outcome = $4, detail = $5 \
     WHERE delivery_id = $1 AND number = $2";

/// Writes what became of attempts, unless another node has taken them over.
pub async fn finish(tx: &mut Tx, finished: &[Finished]) -> Result<()> {
    for f in finished {
        let changed = with_db!(tx, |c| async {
            let query = sqlx::query(FINISH).bind(f.delivery.id).bind(f.delivery.attempts);
            let query = query.bind(f.settled.status as i64).bind(optional_micros(f.settled.due_at));
            let query = query.bind(&f.settled.reason).bind(f.settled.budget_used).bind(f.settled.reached);
            let query = query.bind(&f.provider_id).bind(micros(f.at)).bind(optional_micros(f.delivered_at()));
            query.execute(c).await.map(|done| done.rows_affected() > 0)
        })?;
        with_db!(tx, |c| async {
            let query = sqlx::query(FINISH_ATTEMPT).bind(f.delivery.id).bind(f.delivery.attempts);
            let query = query.bind(micros(f.at)).bind(f.outcome_number).bind(&f.detail);
            query.execute(c).await.map(drop)
        })?;
        if changed {
            change(tx, f.delivery.id, f.settled.status, &f.settled.reason, f.at).await?;
        }
    }
    Ok(())
}

const GET: &str = "SELECT * FROM deliveries WHERE organization_id = $1 AND id = $2";

/// One delivery.
pub async fn get(db: &Db, organization: &OrganizationId, id: Uuid) -> Result<Option<Delivery>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, DeliveryRow>(GET)
        .bind(organization.as_str())
        .bind(id)
        .fetch_optional(c))?;
    row.map(Delivery::try_from).transpose()
}

/// Which deliveries a list shows; what is empty does not limit.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    /// Of this notification.
    pub notification_id: Option<Uuid>,
    /// About this.
    pub subject: String,
    /// Of these statuses, by number.
    pub statuses: Vec<i64>,
    /// Of this kind of channel, by number; 0: any.
    pub kind: i64,
    /// To this user.
    pub user_id: String,
}

const LIST: &str = "SELECT * FROM deliveries WHERE organization_id = $1 AND id < $2 \
     AND ($3 = '' OR subject = $3) AND ($4 = 0 OR kind = $4) AND ($5 = '' OR user_id = $5) \
     AND ($6 = '' OR $6 LIKE '%,' || CAST(status AS TEXT) || ',%') ORDER BY id DESC LIMIT $7";
const LIST_OF_NOTIFICATION: &str = "SELECT * FROM deliveries WHERE organization_id = $1 AND id < $2 \
     AND ($3 = '' OR subject = $3) AND ($4 = 0 OR kind = $4) AND ($5 = '' OR user_id = $5) \
     AND ($6 = '' OR $6 LIKE '%,' || CAST(status AS TEXT) || ',%') AND notification_id = $8 ORDER BY id DESC LIMIT $7";

/// Deliveries, newest first, before one.
pub async fn list(
    db: &Db,
    organization: &OrganizationId,
    filter: &Filter,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let statuses: String = filter.statuses.iter().map(|status| format!(",{status},")).collect();
    let statement = if filter.notification_id.is_some() { LIST_OF_NOTIFICATION } else { LIST };
    let rows = with_db!(db, |c| {
        let query = sqlx::query_as::<_, DeliveryRow>(statement).bind(organization.as_str()).bind(before);
        let query =
            query.bind(&filter.subject).bind(filter.kind).bind(&filter.user_id).bind(&statuses).bind(limit);
        match filter.notification_id {
            Some(id) => query.bind(id).fetch_all(c),
            None => query.fetch_all(c),
        }
    })?;
    deliveries(rows)
}

/// An attempt as it is kept.
#[derive(Debug, FromRow)]
pub struct Attempt {
    /// From 1.
    pub number: i64,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// What came of it, by number.
    pub outcome: i64,
    /// What the provider said.
    pub detail: String,
}

/// A change of status as it is kept.
#[derive(Debug, FromRow)]
pub struct StatusChange {
    /// When.
    pub at: i64,
    /// The new status, by number.
    pub status: i64,
    /// Why.
    pub reason: String,
}

const ATTEMPTS: &str = "SELECT number, started_at, finished_at, outcome, detail FROM delivery_attempts \
     WHERE delivery_id = $1 ORDER BY number LIMIT 1000";
const CHANGES: &str =
    "SELECT at, status, reason FROM delivery_changes WHERE delivery_id = $1 ORDER BY id LIMIT 1000";

/// A delivery's attempts and changes of status, oldest first.
pub async fn history(db: &Db, id: Uuid) -> Result<(Vec<Attempt>, Vec<StatusChange>)> {
    let attempts = with_db!(db, |c| sqlx::query_as::<_, Attempt>(ATTEMPTS).bind(id).fetch_all(c))?;
    let changes = with_db!(db, |c| sqlx::query_as::<_, StatusChange>(CHANGES).bind(id).fetch_all(c))?;
    Ok((attempts, changes))
}

const DESTINATIONS: &str =
    "SELECT kind, address FROM destinations WHERE organization_id = $1 AND user_id = $2 ORDER BY id LIMIT 20";

/// The destinations that were registered for a user.
pub async fn destinations(
    db: &Db,
    organization: &OrganizationId,
    user_id: &str,
) -> Result<Vec<(Kind, String)>> {
    let rows = with_db!(db, |c| sqlx::query_as::<_, (i64, String)>(DESTINATIONS)
        .bind(organization.as_str())
        .bind(user_id)
        .fetch_all(c))?;
    Ok(rows.into_iter().filter_map(|(kind, address)| Some((Kind::from_number(kind)?, address))).collect())
}

const REGISTER: &str = "INSERT INTO destinations (id, organization_id, user_id, kind, address, label, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organization_id, user_id, kind, address) \
     DO UPDATE SET label = excluded.label RETURNING id";

/// Registers a destination for a user; gives its id, which is the old one if it was there.
pub async fn register(
    tx: &mut Tx,
    organization: &OrganizationId,
    user_id: &str,
    kind: Kind,
    address: &str,
    label: &str,
    now: Timestamp,
) -> Result<Uuid> {
    with_db!(tx, |c| sqlx::query_scalar(REGISTER)
        .bind(new_id(now))
        .bind(organization.as_str())
        .bind(user_id)
        .bind(kind as i64)
        .bind(address)
        .bind(label)
        .bind(micros(now))
        .fetch_one(c))
}
