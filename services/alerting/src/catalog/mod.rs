//! Services, and the integration keys that monitoring systems send with.

pub mod key;
pub mod rpc;
pub mod store;

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::violation::Violation;

/// Something that people are on call for.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the organization.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where alerts go that no rule sends elsewhere.
    pub escalation_policy_id: Option<Uuid>,
    /// Labels of the service itself.
    pub labels: BTreeMap<String, String>,
    /// The template for its notifications; empty means the built-in one.
    pub template: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Service {
    /// What is wrong with it, by field.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !(1..=255).contains(&self.name.chars().count()) {
            found.push(Violation::new("service.name", "must have 1 to 255 characters"));
        }
        if self.description.len() > 4096 {
            found.push(Violation::new("service.description", "must be at most 4 KiB"));
        }
        if self.template.len() > 255 {
            found.push(Violation::new("service.template", "must have at most 255 bytes"));
        }
        if self.labels.len() > 64 || self.labels.iter().any(|(k, v)| k.len() > 255 || v.len() > 4096) {
            let reason = "must be at most 64, names to 255 bytes, values to 4 KiB";
            found.push(Violation::new("service.labels", reason));
        }
        found
    }
}
