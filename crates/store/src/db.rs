//! One handle for either database.

use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::Result;

/// A database to read from, and to begin transactions on.
#[derive(Debug, Clone)]
pub enum Db {
    /// A PostgreSQL pool.
    Postgres(PgPool),
    /// One SQLite file.
    Sqlite {
        /// The only connection that writes.
        writer: SqlitePool,
        /// Connections that read.
        readers: SqlitePool,
    },
}

/// A transaction that writes. Dropped without [`Tx::commit`], it leaves nothing behind.
#[derive(Debug)]
pub enum Tx {
    /// On PostgreSQL, at READ COMMITTED.
    Postgres(Transaction<'static, Postgres>),
    /// On SQLite, begun IMMEDIATE: it holds the one writer.
    Sqlite(Transaction<'static, Sqlite>),
}

/// Something of one database or the other.
#[derive(Debug)]
pub enum Either<P, S> {
    /// PostgreSQL's.
    Postgres(P),
    /// SQLite's.
    Sqlite(S),
}

impl Db {
    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// What queries that only read run on.
    pub fn either(&self) -> Either<&PgPool, &SqlitePool> {
        match self {
            Self::Postgres(pool) => Either::Postgres(pool),
            Self::Sqlite { readers, .. } => Either::Sqlite(readers),
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Tx {
    /// Makes it durable.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(tx) => tx.commit().await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// What queries run on.
    pub fn either(&mut self) -> Either<&mut PgConnection, &mut SqliteConnection> {
        match self {
            Self::Postgres(tx) => Either::Postgres(tx),
            Self::Sqlite(tx) => Either::Sqlite(tx),
        }
    }
}

/// Runs one query on whichever database is behind a `Db` or a `Tx`.
///
/// ```ignore
/// with_db!(db, |c| sqlx::query_as::<_, AlertRow>(BY_ID).bind(id).fetch_optional(c))
/// ```
#[macro_export]
macro_rules! with_db {
    ($db:expr, |$c:ident| $query:expr) => {
        match $db.either() {
            $crate::Either::Postgres($c) => $query.await,
            $crate::Either::Sqlite($c) => $query.await,
        }
        .map_err($crate::StoreError::from)
    };
}

/// Chooses by dialect, where the two texts must differ.
#[macro_export]
macro_rules! dialect {
    ($db:expr, postgres: $postgres:expr, sqlite: $sqlite:expr $(,)?) => {
        match &$db.either() {
            $crate::Either::Postgres(_) => $postgres,
            $crate::Either::Sqlite(_) => $sqlite,
        }
    };
}
