//! Who must know, and when.

pub mod alert;
pub mod escalation;
pub mod schedule;
pub mod violation;
