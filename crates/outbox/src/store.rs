//! The outbox's tables.

use callout_store::{Db, Either, Result, StoreError, Tx, dialect, micros, timestamp, with_db};
use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Message, message::Trouble};

/// The tables on PostgreSQL.
pub const POSTGRES_TABLES: &str = include_str!("tables.postgres.sql");
/// The tables on SQLite.
pub const SQLITE_TABLES: &str = include_str!("tables.sqlite.sql");

#[derive(FromRow)]
struct MessageRow {
    id: Uuid,
    organization_id: String,
    topic: String,
    subject: String,
    payload: Vec<u8>,
    created_at: i64,
    attempts: i64,
    last_error: Option<String>,
}

/// A message taken under a lease.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub message: Message,
    pub last_error: Option<String>,
}

impl From<MessageRow> for Taken {
    fn from(row: MessageRow) -> Self {
        let message = Message {
            id: row.id,
            organization: row.organization_id,
            topic: row.topic,
            subject: row.subject,
            payload: row.payload,
            created_at: timestamp(row.created_at),
            attempts: row.attempts,
        };
        Self { message, last_error: row.last_error }
    }
}

const INSERT_MANY: &str = "INSERT INTO outbox (id, organization_id, topic, subject, payload, created_at, due_at, attempts) \
     SELECT id, organization_id, topic, subject, payload, created_at, created_at, 0 \
     FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[]) \
     AS new (id, organization_id, topic, subject, payload, created_at)";
const INSERT_ONE: &str = "INSERT INTO outbox (id, organization_id, topic, subject, payload, created_at, due_at, attempts) \
     VALUES ($1, $2, $3, $4, $5, $6, $6, 0)";

/// Plans messages, due at once, as part of the transaction.
pub async fn append(tx: &mut Tx, messages: &[Message]) -> Result<()> {
    match tx.either() {
        Either::Postgres(c) => {
            let column =
                |text: fn(&Message) -> &String| messages.iter().map(text).cloned().collect::<Vec<_>>();
            sqlx::query(INSERT_MANY)
                .bind(messages.iter().map(|m| m.id).collect::<Vec<_>>())
                .bind(column(|m| &m.organization))
                .bind(column(|m| &m.topic))
                .bind(column(|m| &m.subject))
                .bind(messages.iter().map(|m| m.payload.clone()).collect::<Vec<_>>())
                .bind(messages.iter().map(|m| micros(m.created_at)).collect::<Vec<_>>())
                .execute(c)
                .await?;
        }
        Either::Sqlite(c) => {
            for message in messages {
                sqlx::query(INSERT_ONE)
                    .bind(message.id)
                    .bind(&message.organization)
                    .bind(&message.topic)
                    .bind(&message.subject)
                    .bind(&message.payload)
                    .bind(micros(message.created_at))
                    .execute(&mut *c)
                    .await?;
            }
        }
    }
    Ok(())
}

const TAKE_POSTGRES: &str = "UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id IN \
     (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) \
     RETURNING id, organization_id, topic, subject, payload, created_at, attempts, last_error";
const TAKE_SQLITE: &str = "UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id IN \
     (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $3) \
     RETURNING id, organization_id, topic, subject, payload, created_at, attempts, last_error";

/// Takes up to `limit` due messages, for as long as the lease; oldest first.
pub(crate) async fn take(
    tx: &mut Tx,
    now: Timestamp,
    lease: SignedDuration,
    limit: i64,
) -> Result<Vec<Taken>> {
    let until = micros(now.checked_add(lease).unwrap_or(Timestamp::MAX));
    let statement = dialect!(tx, postgres: TAKE_POSTGRES, sqlite: TAKE_SQLITE);
    let rows = with_db!(tx, |c| sqlx::query_as::<_, MessageRow>(statement)
        .bind(micros(now))
        .bind(until)
        .bind(limit)
        .fetch_all(c))?;
    let mut taken: Vec<Taken> = rows.into_iter().map(Taken::from).collect();
    taken.sort_by_key(|taken| taken.message.id);
    Ok(taken)
}

const COMPLETE_MANY: &str = "DELETE FROM outbox USING UNNEST($1::uuid[], $2::bigint[]) AS done (id, attempts) \
     WHERE outbox.id = done.id AND outbox.attempts = done.attempts";
const COMPLETE_ONE: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2";

/// Forgets messages that were accepted, unless another taker has them by now.
pub(crate) async fn complete(tx: &mut Tx, done: &[&Message]) -> Result<()> {
    match tx.either() {
        Either::Postgres(c) => {
            sqlx::query(COMPLETE_MANY)
                .bind(done.iter().map(|m| m.id).collect::<Vec<_>>())
                .bind(done.iter().map(|m| m.attempts).collect::<Vec<_>>())
                .execute(c)
                .await?;
        }
        Either::Sqlite(c) => {
            for message in done {
                sqlx::query(COMPLETE_ONE).bind(message.id).bind(message.attempts).execute(&mut *c).await?;
            }
        }
    }
    Ok(())
}

const POSTPONE: &str = "UPDATE outbox SET due_at = $3, last_error = $4 WHERE id = $1 AND attempts = $2";
const BURY: &str = "INSERT INTO outbox_dead (id, organization_id, topic, subject, payload, created_at, attempts, failed_at, error) \
     SELECT id, organization_id, topic, subject, payload, created_at, attempts, $3, $4 \
     FROM outbox WHERE id = $1 AND attempts = $2";

/// Writes down that a message did not get through; false if another taker has it by now.
pub(crate) async fn postpone(
    tx: &mut Tx,
    message: &Message,
    trouble: &Trouble,
    now: Timestamp,
) -> Result<bool> {
    let statement = if trouble.next_attempt.is_some() { POSTPONE } else { BURY };
    let changed = with_db!(tx, |c| async {
        let query = sqlx::query(statement)
            .bind(message.id)
            .bind(message.attempts)
            .bind(micros(trouble.next_attempt.unwrap_or(now)))
            .bind(&trouble.reason);
        query.execute(c).await.map(|done| done.rows_affected())
    })?;
    if trouble.next_attempt.is_none() {
        complete(tx, &[message]).await?;
    }
    Ok(changed > 0)
}

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM outbox";

/// When the next message is due.
pub(crate) async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let due = with_db!(db, |c| sqlx::query_scalar::<_, Option<i64>>(NEXT_DUE).fetch_one(c))?;
    Ok(due.map(timestamp))
}

const WAITING: &str = "SELECT COUNT(*), MIN(created_at) FROM outbox";

/// How many messages wait, and since when the oldest one does.
pub async fn waiting(db: &Db) -> Result<(i64, Option<Timestamp>)> {
    let (count, oldest) = with_db!(db, |c| sqlx::query_as::<_, (i64, Option<i64>)>(WAITING).fetch_one(c))?;
    Ok((count, oldest.map(timestamp)))
}

/// A store error as a worker reports it.
pub(crate) fn failed(error: StoreError) -> callout_runtime::WorkerError {
    Box::new(error)
}
