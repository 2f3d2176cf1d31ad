//! The built binary from outside, on SQLite and on PostgreSQL, with real receivers.
//!
//! `make test` builds the binary first; `TEST_CALLOUT_BIN` names another one.

mod alertmanager;
mod api;
mod configuration;
mod crash;
mod page;
mod readme;
mod strangers;
mod system;
