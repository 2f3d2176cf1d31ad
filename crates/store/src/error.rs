//! What can go wrong, by what the caller can do about it.

use sqlx::error::ErrorKind;

/// Why a store function failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique index has such a row already.
    #[error("there is one already")]
    Conflict(#[source] sqlx::Error),
    /// The database cannot be reached or is busy; the same call may work later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A defect of ours.
    #[error("the database refused a statement")]
    Internal(#[source] sqlx::Error),
    /// A row holds what no row should hold.
    #[error("a row of {table} is corrupt: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether a unique index refused the row.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// A row of `table` that cannot be read back.
    pub fn corrupt(table: &'static str, reason: impl Into<String>) -> Self {
        Self::Corrupt { table, reason: reason.into() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.kind() == ErrorKind::UniqueViolation => {
                Self::Conflict(error)
            }
            sqlx::Error::Database(database) if is_passing(database.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Internal(error),
        }
    }
}

/// Codes that go away by themselves. PostgreSQL (appendix A of its manual): connection
/// exceptions, insufficient resources, operator intervention, serialization failures and
/// deadlocks. SQLite: BUSY, LOCKED, IOERR, FULL and their extended codes.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "53", "57"].iter().any(|class| code.starts_with(class))
            || code == "40001"
            || code == "40P01";
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xFF, 5 | 6 | 10 | 13))
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn what_passes_by_itself_is_told_from_defects() {
        for code in ["08006", "53300", "57P01", "40001", "40P01", "5", "261", "6", "13"] {
            assert!(is_passing(Some(code)), "{code}");
        }
        for code in ["42601", "23505", "22P02", "1", "19", "2067"] {
            assert!(!is_passing(Some(code)), "{code}");
        }
    }
}
