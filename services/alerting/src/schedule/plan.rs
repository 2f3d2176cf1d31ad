//! A schedule as it is planned.

use jiff::{Timestamp, tz::TimeZone};
use uuid::Uuid;

use super::rotation::Rotation;
use crate::violation::Violation;

/// How many rotations a schedule may have.
pub const MAX_ROTATIONS: usize = 20;

/// A plan of who is on call.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the organization.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// At its wall-clock time handoffs happen.
    pub time_zone: TimeZone,
    /// The layers.
    pub rotations: Vec<Rotation>,
    /// Exceptions, in any order.
    pub overrides: Vec<Override>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An exception for a span of time.
///
/// With both users it replaces one by the other for as long as the one would be on call; with
/// only `add` it puts somebody on call beside the others; with only `remove` it takes somebody off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Its id.
    pub id: Uuid,
    /// From when, inclusive.
    pub start: Timestamp,
    /// To when, exclusive.
    pub end: Timestamp,
    /// Who is taken off call.
    pub remove: Option<String>,
    /// Who is put on call.
    pub add: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

impl Schedule {
    /// What is wrong with it, by field.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !(1..=255).contains(&self.name.chars().count()) {
            found.push(Violation::new("schedule.name", "must have 1 to 255 characters"));
        }
        if self.description.len() > 4096 {
            found.push(Violation::new("schedule.description", "must be at most 4 KiB"));
        }
        if self.rotations.len() > MAX_ROTATIONS {
            found.push(Violation::new("schedule.rotations", format!("must be at most {MAX_ROTATIONS}")));
        }
        for (index, rotation) in self.rotations.iter().enumerate() {
            let path = format!("schedule.rotations[{index}]");
            rotation.violations(&path, &mut found);
            if self.rotations[..index].iter().any(|earlier| earlier.name == rotation.name) {
                found.push(Violation::new(format!("{path}.name"), "another rotation has this name"));
            }
        }
        found
    }
}

impl Override {
    /// What is wrong with it, by field.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.end <= self.start {
            found.push(Violation::new("override.end", "must be after start"));
        }
        if self.remove.is_none() && self.add.is_none() {
            found.push(Violation::new(
                "override.add_user_id",
                "one of add_user_id and remove_user_id is needed",
            ));
        }
        for (field, user) in [("add_user_id", &self.add), ("remove_user_id", &self.remove)] {
            if user.as_ref().is_some_and(|id| id.len() > 128) {
                found.push(Violation::new(format!("override.{field}"), "must have at most 128 bytes"));
            }
        }
        found
    }
}
