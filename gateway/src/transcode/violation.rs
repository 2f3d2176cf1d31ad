//! What is wrong with a request, field by field.

use callout_runtime::status;
use tonic::Status;

/// More are not reported: the first ones say enough.
const MAX_VIOLATIONS: usize = 50;
/// Longer values are cut where they are repeated to the caller.
const MAX_SHOWN: usize = 64;

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request message; `body` for what is not a field.
    pub field: String,
    /// What is wrong, for people.
    pub reason: String,
}

/// All that is wrong with a request; at most [`MAX_VIOLATIONS`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// One violation.
    pub fn one(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(vec![Violation { field: field.into(), reason: reason.into() }])
    }

    /// Adds one.
    pub fn push(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(Violation { field: field.into(), reason: reason.into() });
        }
    }

    /// `value`, if nothing was wrong.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The status that tells the caller.
    pub fn into_status(self) -> Status {
        status::invalid_argument(self.0.into_iter().map(|violation| (violation.field, violation.reason)))
    }

    #[cfg(test)]
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(|violation| format!("{}: {}", violation.field, violation.reason)).collect()
    }
}

/// A value as the caller sent it, short enough to be repeated.
pub fn shown(value: &str) -> String {
    match value.char_indices().nth(MAX_SHOWN) {
        Some((cut, _)) => format!("{:?}…", &value[..cut]),
        None => format!("{value:?}"),
    }
}
