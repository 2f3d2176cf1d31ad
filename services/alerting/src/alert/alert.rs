//! The alert and its life.
//!
//! ```text
//!             acknowledge                    resolve
//! TRIGGERED ───────────────► ACKNOWLEDGED ───────────────► RESOLVED
//!     ▲                           │                            ▲
//!     └───────────────────────────┘                            │
//!        unacknowledge (or time-out)                           │
//!     └────────────────────── resolve ─────────────────────────┘
//! ```
//!
//! Nothing leaves RESOLVED: the same fault firing again is a new alert.

use std::{collections::BTreeMap, fmt, str::FromStr};

use callout_auth::OrganizationId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An alert's id: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertId(pub Uuid);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an alert stands. The numbers are those of the wire and of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Open, nobody has acted.
    Triggered = 1,
    /// Open, somebody is on it.
    Acknowledged = 2,
    /// Closed.
    Resolved = 3,
}

impl Status {
    /// The status with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Triggered, Self::Acknowledged, Self::Resolved].into_iter().find(|s| *s as i64 == number)
    }

    /// The name on the wire, such as "TRIGGERED".
    pub fn name(self) -> &'static str {
        match self {
            Self::Triggered => "TRIGGERED",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// How urgent an alert is; P1 is the most urgent. The numbers are those of the wire and of the
/// database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// Critical.
    P1 = 1,
    /// High.
    P2 = 2,
    /// Medium.
    P3 = 3,
    /// Low.
    P4 = 4,
    /// For information.
    P5 = 5,
}

/// A text that is no priority.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be P1, P2, P3, P4 or P5")]
pub struct UnknownPriority;

impl Priority {
    const ALL: [Self; 5] = [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5];

    /// The priority with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|p| *p as i64 == number)
    }

    /// The name, such as "P1".
    pub fn name(self) -> &'static str {
        ["P1", "P2", "P3", "P4", "P5"][self as usize - 1]
    }

    /// The priority that labels tell: a label `priority` with a value P1 to P5 wins over
    /// `severity`; neither, or a severity nobody knows, is P3.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Self {
        let named = labels.get("priority").and_then(|value| value.parse().ok());
        let by_severity = || labels.get("severity").and_then(|value| severity_priority(value));
        named.or_else(by_severity).unwrap_or(Self::P3)
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(text)).ok_or(UnknownPriority)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The priority that a monitoring system's word for severity means, or `None` if nobody knows it.
pub fn severity_priority(severity: &str) -> Option<Priority> {
    let priority = match severity.to_ascii_lowercase().as_str() {
        "critical" | "page" | "error" | "alerting" | "sev0" | "p1" => Priority::P1,
        "high" | "warning" | "sev1" | "p2" => Priority::P2,
        "medium" | "sev2" | "p3" => Priority::P3,
        "low" | "sev3" | "p4" => Priority::P4,
        "info" | "ok" | "none" | "sev4" | "p5" => Priority::P5,
        _ => return None,
    };
    Some(priority)
}

/// A place to read more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it is called.
    pub name: String,
    /// An http or https URL.
    pub url: String,
}

/// A fault reported by a monitoring system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The organization it belongs to.
    pub organization: OrganizationId,
    /// The service it is about.
    pub service_id: Uuid,
    /// One line that says what is wrong.
    pub summary: String,
    /// More text.
    pub details: String,
    /// Where it stands.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// What sent it.
    pub source: String,
    /// Recognises repeats within the service.
    pub fingerprint: String,
    /// How often it was reported, the first time included.
    pub dedup_count: i64,
    /// As received, and as routing rules added to them.
    pub labels: BTreeMap<String, String>,
    /// As received.
    pub annotations: BTreeMap<String, String>,
    /// Where to read more.
    pub links: Vec<Link>,
    /// The user responsible.
    pub assignee_user_id: Option<String>,
    /// Escalation is held until then.
    pub snoozed_until: Option<Timestamp>,
    /// When the source says it began.
    pub started_at: Option<Timestamp>,
    /// When Callout took it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the present acknowledgement was made.
    pub acknowledged_at: Option<Timestamp>,
    /// Who made it.
    pub acknowledged_by: Option<String>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Who resolved it.
    pub resolved_by: Option<String>,
    /// The ticket that says the same.
    pub external_ticket_id: Option<String>,
    /// A rule suppressed it.
    pub suppressed: bool,
    /// The template a rule chose for its notifications, by name.
    pub template: Option<String>,
}

/// A change of status that an alert's life does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an alert that is {} cannot become {}", from.name(), to.name())]
pub struct IllegalTransition {
    /// Where the alert stands.
    pub from: Status,
    /// Where it should go.
    pub to: Status,
}

impl Alert {
    /// Says that `actor` is on it. Returns whether anything changed: the first to acknowledge
    /// stays the one who did.
    pub fn acknowledge(&mut self, actor: &str, now: Timestamp) -> Result<bool, IllegalTransition> {
        match self.status {
            Status::Acknowledged => Ok(false),
            Status::Triggered => {
                self.status = Status::Acknowledged;
                self.acknowledged_at = Some(now);
                self.acknowledged_by = Some(actor.to_owned());
                self.snoozed_until = None;
                self.updated_at = now;
                Ok(true)
            }
            Status::Resolved => Err(self.illegal(Status::Acknowledged)),
        }
    }

    /// Takes the acknowledgement back. Returns whether anything changed.
    pub fn unacknowledge(&mut self, now: Timestamp) -> Result<bool, IllegalTransition> {
        match self.status {
            Status::Triggered => Ok(false),
            Status::Acknowledged => {
                self.status = Status::Triggered;
                self.acknowledged_at = None;
                self.acknowledged_by = None;
                self.updated_at = now;
                Ok(true)
            }
            Status::Resolved => Err(self.illegal(Status::Triggered)),
        }
    }

    /// Closes it. Returns whether anything changed.
    pub fn resolve(&mut self, actor: &str, now: Timestamp) -> bool {
        if self.status == Status::Resolved {
            return false;
        }
        self.status = Status::Resolved;
        self.resolved_at = Some(now);
        self.resolved_by = Some(actor.to_owned());
        self.snoozed_until = None;
        self.updated_at = now;
        true
    }

    /// Whether anything can still be done about it.
    pub fn is_open(&self) -> bool {
        self.status != Status::Resolved
    }

    fn illegal(&self, to: Status) -> IllegalTransition {
        IllegalTransition { from: self.status, to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_priority_follows_from_the_labels() {
        let table: &[(&[(&str, &str)], Priority)] = &[
            (&[], Priority::P3),
            (&[("severity", "critical")], Priority::P1),
            (&[("severity", "Sev0")], Priority::P1),
            (&[("severity", "warning")], Priority::P2),
            (&[("severity", "medium")], Priority::P3),
            (&[("severity", "low")], Priority::P4),
            (&[("severity", "none")], Priority::P5),
            (&[("severity", "purple")], Priority::P3),
            (&[("severity", "critical"), ("priority", "P4")], Priority::P4),
            (&[("severity", "critical"), ("priority", "urgent")], Priority::P1),
            (&[("priority", "p2")], Priority::P2),
        ];
        for (pairs, expected) in table {
            assert_eq!(Priority::from_labels(&labels(pairs)), *expected, "{pairs:?}");
        }
    }

    fn alert() -> Alert {
        let at = Timestamp::UNIX_EPOCH;
        Alert {
            id: AlertId(Uuid::nil()),
            organization: "acme".into(),
            service_id: Uuid::nil(),
            summary: "disk full".into(),
            details: String::new(),
            status: Status::Triggered,
            priority: Priority::P1,
            source: "test".into(),
            fingerprint: "f".into(),
            dedup_count: 1,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            links: Vec::new(),
            assignee_user_id: None,
            snoozed_until: None,
            started_at: None,
            created_at: at,
            updated_at: at,
            acknowledged_at: None,
            acknowledged_by: None,
            resolved_at: None,
            resolved_by: None,
            external_ticket_id: None,
            suppressed: false,
            template: None,
        }
    }

    #[test]
    fn the_first_to_acknowledge_stays_the_one_who_did() {
        let now = Timestamp::UNIX_EPOCH;
        let mut alert = alert();
        assert_eq!(alert.acknowledge("alice", now), Ok(true));
        assert_eq!(alert.acknowledge("bob", now), Ok(false));
        assert_eq!(alert.acknowledged_by.as_deref(), Some("alice"));
        assert_eq!(alert.unacknowledge(now), Ok(true));
        assert_eq!((alert.status, alert.acknowledged_by.as_deref()), (Status::Triggered, None));
    }

    #[test]
    fn nothing_leaves_resolved() {
        let now = Timestamp::UNIX_EPOCH;
        let mut alert = alert();
        assert!(alert.resolve("alertmanager", now));
        assert!(!alert.resolve("bob", now));
        assert_eq!(alert.resolved_by.as_deref(), Some("alertmanager"));
        let error = alert.acknowledge("bob", now).unwrap_err();
        assert_eq!(error.to_string(), "an alert that is RESOLVED cannot become ACKNOWLEDGED");
        assert!(alert.unacknowledge(now).is_err());
    }
}
