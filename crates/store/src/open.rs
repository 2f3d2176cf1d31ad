//! Opening a service's database and bringing its schema up to date.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::Db;

/// Where the data is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`, or `sqlite:DIRECTORY`.
    pub url: String,
    /// How many connections a service may hold to PostgreSQL.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: "sqlite:callout-data".to_owned(), max_connections: 12 }
    }
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.rsplit_once('@').map_or(self.url.as_str(), |(_, host)| host);
        f.debug_struct("DatabaseConfig")
            .field("url", &url)
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

/// A service's schema, in both dialects.
#[derive(Debug)]
pub struct Migrations {
    /// Its name: the schema on PostgreSQL, the file on SQLite.
    pub schema: &'static str,
    /// For PostgreSQL.
    pub postgres: Migrator,
    /// For SQLite.
    pub sqlite: Migrator,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names neither of the databases.
    #[error("database.url must begin with postgres: or sqlite:")]
    Url,
    /// The data directory cannot be made or protected.
    #[error("data directory {path}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database cannot be reached, or refuses.
    #[error("the database cannot be opened")]
    Connect(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("the schema cannot be brought up to date")]
    Migrate(#[from] MigrateError),
}

impl Db {
    /// Opens the database and brings the service's schema up to date. Several nodes may do so at
    /// once.
    pub async fn open(config: &DatabaseConfig, migrations: &Migrations) -> Result<Self, OpenError> {
        if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            return open_postgres(config, migrations).await;
        }
        let directory = config.url.strip_prefix("sqlite:").ok_or(OpenError::Url)?;
        open_sqlite(Path::new(directory.strip_prefix("//").unwrap_or(directory)), migrations).await
    }
}

async fn open_postgres(config: &DatabaseConfig, migrations: &Migrations) -> Result<Db, OpenError> {
    let schema = migrations.schema;
    let options = PgConnectOptions::from_str(&config.url)?
        .application_name("callout")
        .options([("search_path", schema)]);
    let mut first = PgConnection::connect_with(&options).await?;
    create_schema(&mut first, schema).await?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(Duration::from_secs(5))
        // Pinging before each use costs a third of the throughput; a broken connection is found
        // by the statement that uses it, which the caller may repeat.
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    migrations.postgres.run(&pool).await?;
    Ok(Db::Postgres(pool))
}

/// `CREATE SCHEMA IF NOT EXISTS` fails when two nodes run it at the same instant; the lock lets
/// them do so one after the other.
async fn create_schema(connection: &mut PgConnection, schema: &'static str) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('callout.schema'))").execute(&mut *tx).await?;
    let statement = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
    tx.commit().await
}

async fn open_sqlite(directory: &Path, migrations: &Migrations) -> Result<Db, OpenError> {
    make_private(directory)
        .map_err(|source| OpenError::Directory { path: directory.display().to_string(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(directory.join(format!("{}.db", migrations.schema)))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16000");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options.clone())
        .await?;
    migrations.sqlite.run(&writer).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .max_lifetime(None)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Db::Sqlite { writer, readers })
}

/// Makes the directory if it is missing, for its owner only: what SQLite creates in it cannot be
/// reached by others whatever the umask.
fn make_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password() {
        let config = DatabaseConfig { url: "postgres://me:secret@db/callout".into(), max_connections: 1 };
        let shown = format!("{config:?}");
        assert!(!shown.contains("secret") && shown.contains("db/callout"), "{shown}");
    }
}
