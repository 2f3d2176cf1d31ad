//! What happens to an alert, as its history keeps it.

use callout_auth::OrganizationId;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Alert, AlertId};

/// What happened. The numbers are those of `alerting.v1.AlertEvent.Kind` and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The alert was taken.
    Created = 1,
    /// Rules were evaluated.
    Routed = 2,
    /// A rule suppressed it.
    Suppressed = 3,
    /// Escalation began.
    EscalationStarted = 4,
    /// A step notified somebody.
    StepNotified = 5,
    /// A step reached nobody and was skipped.
    StepSkipped = 6,
    /// Every step of every round was tried.
    EscalationExhausted = 7,
    /// Somebody escalated by hand.
    Escalated = 8,
    /// Somebody is on it.
    Acknowledged = 9,
    /// The acknowledgement ran out, or was taken back.
    Unacknowledged = 10,
    /// Held until a time.
    Snoozed = 11,
    /// The snooze ended.
    SnoozeEnded = 12,
    /// A user was made responsible.
    Assigned = 13,
    /// It was closed.
    Resolved = 14,
    /// A note by a person.
    Note = 15,
    /// Fields were changed.
    Updated = 16,
    /// Something that should have left waits.
    Waiting = 17,
    /// What became of a message; kept by notification, never stored here.
    Delivery = 18,
    /// A channel was notified by a rule.
    ChannelNotified = 19,
}

impl EventKind {
    /// The kind with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [
            Self::Created,
            Self::Routed,
            Self::Suppressed,
            Self::EscalationStarted,
            Self::StepNotified,
            Self::StepSkipped,
            Self::EscalationExhausted,
            Self::Escalated,
            Self::Acknowledged,
            Self::Unacknowledged,
            Self::Snoozed,
            Self::SnoozeEnded,
            Self::Assigned,
            Self::Resolved,
            Self::Note,
            Self::Updated,
            Self::Waiting,
            Self::Delivery,
            Self::ChannelNotified,
        ]
        .into_iter()
        .find(|kind| *kind as i64 == number)
    }
}

/// An entry of an alert's history, before it has an id.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The organization.
    pub organization: OrganizationId,
    /// The alert.
    pub alert_id: AlertId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// Who did it: a user id, the name of a key, or "callout".
    pub actor: String,
    /// One line for people.
    pub message: String,
    /// The same for programs.
    pub details: Map<String, Value>,
}

impl Event {
    /// An entry about an alert.
    pub fn new(
        alert: &Alert,
        at: Timestamp,
        kind: EventKind,
        actor: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            organization: alert.organization.clone(),
            alert_id: alert.id,
            at,
            kind,
            actor: actor.to_owned(),
            message: message.into(),
            details: Map::new(),
        }
    }

    /// The same with a detail for programs.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// An entry as it stands in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// UUIDv7: ids are in the order of the entries.
    pub id: Uuid,
    /// The entry.
    pub event: Event,
}

/// The name that Callout itself has in histories.
pub const CALLOUT: &str = "callout";
