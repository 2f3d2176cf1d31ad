//! The last-known copies.

use callout_store::{Db, Result, micros, timestamp, with_db};
use jiff::{SignedDuration, Timestamp};

/// The table on PostgreSQL.
pub const POSTGRES_TABLE: &str = include_str!("table.postgres.sql");
/// The table on SQLite.
pub const SQLITE_TABLE: &str = include_str!("table.sqlite.sql");

/// How old a copy may become before an equal answer is written again.
pub(crate) const COPY_AGE: SignedDuration = SignedDuration::from_hours(1);

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub organization: String,
    pub kind: &'static str,
    pub key: String,
}

/// An answer as it was given.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub value: Vec<u8>,
    pub fetched_at: Timestamp,
}

const GET: &str =
    "SELECT value, fetched_at FROM identity_cache WHERE organization_id = $1 AND kind = $2 AND key = $3";

pub(crate) async fn get(db: &Db, of: &Subject) -> Result<Option<Copy>> {
    let row = with_db!(db, |c| sqlx::query_as::<_, (Vec<u8>, i64)>(GET)
        .bind(&of.organization)
        .bind(of.kind)
        .bind(&of.key)
        .fetch_optional(c))?;
    Ok(row.map(|(value, fetched_at)| Copy { value, fetched_at: timestamp(fetched_at) }))
}

const PUT: &str = "INSERT INTO identity_cache (organization_id, kind, key, value, fetched_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, kind, key) \
     DO UPDATE SET value = excluded.value, fetched_at = excluded.fetched_at \
     WHERE identity_cache.value <> excluded.value OR identity_cache.fetched_at < $6";

/// Writes a copy, unless there is an equal one that is not old: nodes that start again, or learn
/// the same at the same time, write nothing.
pub(crate) async fn put(db: &Db, of: &Subject, copy: &Copy) -> Result<()> {
    let old = copy.fetched_at.checked_sub(COPY_AGE).unwrap_or(Timestamp::MIN);
    let mut tx = db.begin().await?;
    with_db!(tx, |c| async {
        let query = sqlx::query(PUT).bind(&of.organization).bind(of.kind).bind(&of.key);
        query.bind(&copy.value).bind(micros(copy.fetched_at)).bind(micros(old)).execute(c).await.map(drop)
    })?;
    tx.commit().await
}

const DELETE: &str = "DELETE FROM identity_cache WHERE organization_id = $1 AND kind = $2 AND key = $3";

pub(crate) async fn delete(db: &Db, of: &Subject) -> Result<()> {
    let mut tx = db.begin().await?;
    with_db!(tx, |c| async {
        let query = sqlx::query(DELETE).bind(&of.organization).bind(of.kind).bind(&of.key);
        query.execute(c).await.map(drop)
    })?;
    tx.commit().await
}

const DELETE_OLD: &str = "DELETE FROM identity_cache WHERE kind = $1 AND fetched_at < $2";

/// Deletes the copies of a kind that were fetched before a time.
pub(crate) async fn delete_old(db: &Db, kind: &str, before: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    with_db!(tx, |c| async {
        sqlx::query(DELETE_OLD).bind(kind).bind(micros(before)).execute(c).await.map(drop)
    })?;
    tx.commit().await
}

const ORGANIZATIONS: &str =
    "SELECT DISTINCT organization_id FROM identity_cache WHERE organization_id <> '' ORDER BY 1 LIMIT 1000";

/// The organizations about which something is known.
pub(crate) async fn organizations(db: &Db) -> Result<Vec<String>> {
    with_db!(db, |c| sqlx::query_scalar::<_, String>(ORGANIZATIONS).fetch_all(c))
}
