//! Alerts: their life, their history, and the RPCs on them.

#[path = "alert.rs"]
mod domain;
pub mod event;
pub mod fingerprint;

pub use domain::{
    Alert, AlertId, IllegalTransition, Link, Priority, Status, UnknownPriority, severity_priority,
};
pub use event::{Event, EventKind};
