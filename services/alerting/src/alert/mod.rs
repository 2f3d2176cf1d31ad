//! Alerts: their life, their history, and the RPCs on them.

mod act;
#[path = "alert.rs"]
mod domain;
pub mod event;
pub mod filter;
pub mod fingerprint;
pub mod history;
pub mod rpc;
pub mod store;
mod watch;
mod wire;

pub use domain::{
    Alert, AlertId, IllegalTransition, Link, Priority, Status, UnknownPriority, severity_priority,
};
pub use event::{Event, EventKind};
