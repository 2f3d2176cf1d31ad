//! A message on its way out.

use jiff::Timestamp;
use uuid::Uuid;

/// Something another service shall be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// UUIDv7; the receiver's idempotency key.
    pub id: Uuid,
    /// The organization it is about.
    pub organization: String,
    /// What kind of message it is; the handler's own words.
    pub topic: String,
    /// What it is about, such as an alert's id.
    pub subject: String,
    /// The encoded request.
    pub payload: Vec<u8>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// How often it has been taken, this time included.
    pub attempts: i64,
}

/// What came of handing a message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Done,
    /// Not now; it is tried again.
    Retry(String),
    /// It will never be accepted.
    Refused(String),
}

/// A message that did not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub reason: String,
    /// When it is tried again; `None`: never.
    pub next_attempt: Option<Timestamp>,
    /// The last attempt failed for the same reason, so this is no news.
    pub repeated: bool,
}
