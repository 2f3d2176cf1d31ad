//! What can go wrong, by what the caller can do about it.

use callout_runtime::status::invalid_argument;
use callout_store::{InvalidPage, StoreError};
use tonic::{Code, Status};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing in the organization.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Something is there already.
    #[error("{0}")]
    AlreadyExists(String),
    /// The request is wrong: fields and reasons.
    #[error("{}", .0.iter().map(|(field, reason)| format!("{field}: {reason}")).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(String, String)>),
    /// The request is right, but not as things stand.
    #[error("{0}")]
    Precondition(String),
    /// The channel cannot be sent on yet.
    #[error("the channel {0} is not built yet")]
    NotBuilt(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What functions of the service give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A wrong field.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![(field.into(), reason.into())])
    }

    /// A page that cannot be asked for.
    pub fn page(error: &InvalidPage) -> Self {
        let field = if matches!(error, InvalidPage::Size { .. }) { "page_size" } else { "page_token" };
        Self::invalid(field, error.to_string())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Invalid(violations) => return invalid_argument(violations.clone()),
            Error::NotFound(_) => Code::NotFound,
            Error::AlreadyExists(_) => Code::AlreadyExists,
            Error::Precondition(_) => Code::FailedPrecondition,
            Error::NotBuilt(_) => Code::Unimplemented,
            Error::Store(StoreError::Unavailable(source)) => {
                tracing::warn!(%source, "database not available");
                return Status::unavailable("the database is not available; try again");
            }
            Error::Store(other) => {
                tracing::error!(error = ?other, "database");
                return Status::internal("an internal error; it has been logged");
            }
        };
        Status::new(code, error.to_string())
    }
}
