//! Escalation: telling one after the other until somebody acts.

mod apply;
pub mod policy;
mod reach;
pub mod step;
pub mod store;
pub mod worker;

pub use apply::{Applied, apply};
pub use reach::Reach;
