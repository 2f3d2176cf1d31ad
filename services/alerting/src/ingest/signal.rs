//! What a monitoring system reports about one alert.

use std::collections::BTreeMap;

use callout_auth::OrganizationId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::alert::{Alert, Link, Priority};

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The fault is there.
    Firing,
    /// Somebody acts on it, as the sender knows.
    Acknowledged,
    /// The fault is over.
    Resolved,
}

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The organization.
    pub organization: OrganizationId,
    /// The service it is for.
    pub service_id: Uuid,
    /// The key that it came with, for histories.
    pub actor: String,
    /// What is reported.
    pub report: Report,
    /// One line that says what is wrong.
    pub summary: String,
    /// More text.
    pub details: String,
    /// How urgent, before routing.
    pub priority: Priority,
    /// What sent it.
    pub source: String,
    /// Recognises repeats.
    pub fingerprint: String,
    /// As received.
    pub labels: BTreeMap<String, String>,
    /// As received.
    pub annotations: BTreeMap<String, String>,
    /// Where to read more.
    pub links: Vec<Link>,
    /// When the fault began.
    pub started_at: Option<Timestamp>,
}

/// What became of a signal.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A new alert.
    Opened(Box<Alert>),
    /// An open alert was counted up.
    Repeated(Box<Alert>),
    /// It says that somebody acts on an open alert; the caller acknowledges it.
    Acknowledged(Box<Alert>),
    /// An open alert was closed.
    Closed(Box<Alert>),
    /// It is about an alert that is not open.
    Ignored,
    /// Its service is gone.
    NoService,
}

impl Verdict {
    /// The word for it in answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Repeated(_) => "repeated",
            Self::Acknowledged(_) => "acknowledged",
            Self::Closed(_) => "closed",
            Self::Ignored | Self::NoService => "ignored",
        }
    }

    /// The alert it is about.
    pub fn alert(&self) -> Option<&Alert> {
        match self {
            Self::Opened(alert) | Self::Repeated(alert) | Self::Acknowledged(alert) | Self::Closed(alert) => {
                Some(alert)
            }
            Self::Ignored | Self::NoService => None,
        }
    }
}

/// A body that cannot be taken, now or ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct BodyError {
    /// The field's path, or "body" with line and column.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

/// How long things may be: longer ones are cut off, because an alert that says less is better
/// than one that is refused.
pub(super) const MAX_SUMMARY_CHARS: usize = 1024;
pub(super) const MAX_DETAILS_BYTES: usize = 16 * 1024;
const MAX_PAIRS: usize = 128;
const MAX_NAME_BYTES: usize = 255;

/// The text without NUL, which PostgreSQL cannot keep, cut off at `max` bytes.
pub(super) fn text(text: &str, max: usize) -> String {
    let mut clean = text.replace('\0', "\u{FFFD}");
    if clean.len() > max {
        let end = (0..=max).rev().find(|end| clean.is_char_boundary(*end)).unwrap_or(0);
        clean.truncate(end);
    }
    clean
}

/// A summary of at most as many characters as a summary has.
pub(super) fn summary(line: &str) -> String {
    let clean = text(line.trim(), usize::MAX);
    clean.chars().take(MAX_SUMMARY_CHARS).collect()
}

/// Labels or annotations within bounds, the values to `max` bytes.
pub(super) fn pairs(given: BTreeMap<String, String>, max: usize) -> BTreeMap<String, String> {
    let clean = given.into_iter().filter(|(name, _)| !name.is_empty());
    clean.take(MAX_PAIRS).map(|(name, value)| (text(&name, MAX_NAME_BYTES), text(&value, max))).collect()
}

/// A link, if it is one that a browser may open.
pub(super) fn link(name: &str, url: &str) -> Option<Link> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let fits = is_web && url.len() <= 2048 && !url.contains('\0');
    fits.then(|| Link { name: text(name, MAX_NAME_BYTES), url: url.to_owned() })
}

/// The links that annotations are known to carry.
pub(super) fn known_links(annotations: &BTreeMap<String, String>) -> Vec<Link> {
    let known = [("runbook", ["runbook_url", "runbook"]), ("dashboard", ["dashboard_url", "dashboard"])];
    let found = known
        .iter()
        .filter_map(|(name, keys)| keys.iter().find_map(|key| link(name, annotations.get(*key)?)));
    found.collect()
}
