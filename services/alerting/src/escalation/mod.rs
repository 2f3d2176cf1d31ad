//! Escalation: telling one after the other until somebody acts.

pub mod policy;
pub mod step;
