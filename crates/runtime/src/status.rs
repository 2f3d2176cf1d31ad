//! gRPC statuses with field violations, made in one form everywhere.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// INVALID_ARGUMENT that names each field and what is wrong with it.
pub fn invalid_argument<F, R>(violations: impl IntoIterator<Item = (F, R)>) -> Status
where
    F: Into<String>,
    R: Into<String>,
{
    let violations: Vec<_> =
        violations.into_iter().map(|(field, reason)| FieldViolation::new(field, reason)).collect();
    let message =
        violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect::<Vec<_>>().join("; ");
    Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(violations))
}

/// INVALID_ARGUMENT for one field.
pub fn invalid_field(field: &str, reason: impl Into<String>) -> Status {
    invalid_argument([(field, reason.into())])
}
