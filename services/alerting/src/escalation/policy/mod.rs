//! Escalation policies: who is told first, and who next.

pub mod rpc;
pub mod store;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::violation::Violation;

/// How many steps a policy may have.
pub const MAX_STEPS: usize = 50;
/// How many targets a step may have.
pub const MAX_TARGETS: usize = 50;
/// How often the steps may be repeated.
pub const MAX_REPEATS: u32 = 100;
/// The shortest and the longest wait of a step, and of an acknowledgement.
pub const WAIT: std::ops::RangeInclusive<SignedDuration> =
    SignedDuration::from_secs(1)..=SignedDuration::from_hours(30 * 24);

/// Somebody or something to tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A user, by id.
    User(String),
    /// Every active member of a team, by id.
    Team(String),
    /// Whoever is on call by a schedule.
    Schedule(Uuid),
    /// A channel configuration, by id.
    Channel(String),
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How long to wait for somebody to act before the next step is taken.
    pub delay: SignedDuration,
    /// Who is told.
    pub targets: Vec<Target>,
}

/// Steps that are taken one after the other until somebody acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// At least one.
    pub steps: Vec<Step>,
    /// How often all steps are taken again after the first round.
    pub repeat_count: u32,
    /// After this long an acknowledgement runs out; `None`: never.
    pub acknowledge_timeout: Option<SignedDuration>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Policy {
    /// What is wrong with it, by field.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !(1..=255).contains(&self.name.chars().count()) {
            found.push(Violation::new("policy.name", "must have 1 to 255 characters"));
        }
        if self.description.len() > 4096 {
            found.push(Violation::new("policy.description", "must be at most 4 KiB"));
        }
        if !(1..=MAX_STEPS).contains(&self.steps.len()) {
            found.push(Violation::new("policy.steps", format!("must have 1 to {MAX_STEPS} steps")));
        }
        if self.repeat_count > MAX_REPEATS {
            found.push(Violation::new("policy.repeat_count", format!("must be 0 to {MAX_REPEATS}")));
        }
        if self.acknowledge_timeout.is_some_and(|wait| !WAIT.contains(&wait)) {
            found.push(Violation::new("policy.acknowledge_timeout", "must be 1 second to 30 days"));
        }
        for (index, step) in self.steps.iter().enumerate() {
            step.violations(&format!("policy.steps[{index}]"), &mut found);
        }
        found
    }
}

impl Step {
    fn violations(&self, path: &str, found: &mut Vec<Violation>) {
        if !WAIT.contains(&self.delay) {
            found.push(Violation::new(format!("{path}.delay"), "must be 1 second to 30 days"));
        }
        if self.targets.len() > MAX_TARGETS {
            found.push(Violation::new(format!("{path}.targets"), format!("must be at most {MAX_TARGETS}")));
        }
        for (index, target) in self.targets.iter().enumerate() {
            if let Target::User(id) | Target::Team(id) | Target::Channel(id) = target
                && !(1..=128).contains(&id.len())
            {
                let path = format!("{path}.targets[{index}]");
                found.push(Violation::new(path, "the id must have 1 to 128 bytes"));
            }
        }
    }
}
