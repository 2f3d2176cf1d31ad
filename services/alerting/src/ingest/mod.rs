//! From what monitoring systems send to alerts.
//!
//! A format turns a body into [`Signal`]s, one per alert, each with its own report. [`Committer`]
//! commits what arrives together in one transaction, and only then is anything answered.
//! In it, [`fold`] decides: a report about an alert that is open counts it up or closes it, before
//! any routing, so that a resolve can never be routed elsewhere; what is new is routed.

pub mod alertmanager;
mod commit;
pub mod fold;
pub mod generic;
mod http;
mod signal;

pub use commit::{Committer, Parts};
pub use http::router;
pub use signal::{BodyError, Report, Signal, Verdict};
