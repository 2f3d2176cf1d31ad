//! What leaves a service, written in the transaction that causes it.
//!
//! [`append`] takes a transaction, so an effect cannot be planned without the change that causes
//! it, nor lost once that change is committed. A [`Relay`] takes due messages under a lease and
//! hands them to a [`Handler`]. A node that dies in between leaves a lease that runs out: the
//! message is then handed over again with the same id, by which the receiver recognises it.
//!
//! A lease is a due time in the future: `due_at` is pushed ahead when a message is taken, and
//! `attempts` tells takers apart, so that one whose lease ran out cannot complete what another
//! has taken over. Messages that will never be accepted are moved to `outbox_dead`.
//!
//! The tables are part of each service's migrations; their text is [`POSTGRES_TABLES`] and
//! [`SQLITE_TABLES`].

mod backoff;
mod message;
mod relay;
mod store;

pub use backoff::backoff;
pub use message::{Message, Outcome, Trouble};
pub use relay::{Handler, Relay};
pub use store::{POSTGRES_TABLES, SQLITE_TABLES, append, waiting};
