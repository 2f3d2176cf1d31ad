//! A fresh database of each kind for one test.

use callout_store::{
    DatabaseConfig, Db, Migrations,
    sqlx::{self, AssertSqlSafe, Connection, PgConnection},
};
use uuid::Uuid;

/// The environment variable with the URL of a PostgreSQL superuser; `scripts/with-postgres.sh`
/// sets it.
const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// A database that is there for one test.
#[derive(Debug)]
pub struct TestDatabase {
    /// "postgres" or "sqlite", for messages.
    pub kind: &'static str,
    /// How to open it (again).
    pub config: DatabaseConfig,
    /// It is removed when this is dropped.
    _directory: Option<tempfile::TempDir>,
}

impl TestDatabase {
    /// Opens it for a service.
    pub async fn open(&self, migrations: &Migrations) -> Db {
        Db::open(&self.config, migrations).await.expect("the test's database opens")
    }
}

/// An empty database of each kind. What a test does with one it does with all, so that nothing
/// works on one of them only.
///
/// # Panics
/// Where there is no PostgreSQL to be had: a test that skips it would prove nothing about it.
pub async fn databases() -> Vec<TestDatabase> {
    vec![sqlite(), postgres().await]
}

fn sqlite() -> TestDatabase {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("data").display());
    let config = DatabaseConfig { url, ..DatabaseConfig::default() };
    TestDatabase { kind: "sqlite", config, _directory: Some(directory) }
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where PostgreSQL is")]
async fn postgres() -> TestDatabase {
    let Ok(superuser) = std::env::var(POSTGRES_URL) else {
        panic!("{POSTGRES_URL} is not set: run the tests by `make test` or scripts/with-postgres.sh");
    };
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&superuser).await.expect("PostgreSQL answers");
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    connection.close().await.expect("the connection closes");
    let (server, _) = superuser.rsplit_once('/').expect("a URL with a database");
    let config = DatabaseConfig { url: format!("{server}/{name}"), max_connections: 6 };
    TestDatabase { kind: "postgres", config, _directory: None }
}
