//! The client of the identity service, which remembers what it was told.
//!
//! An answer is good for a while in memory, and kept as the last-known copy in the service's own
//! database. While the identity service cannot be reached the copy is used and said to be stale:
//! the night on which it is down is the night on which somebody must be called. What the identity
//! service says does not exist is forgotten at once.
//!
//! The copies' table is part of each service's migrations: [`POSTGRES_TABLE`], [`SQLITE_TABLE`].

mod client;
mod keys;
mod people;
mod refresh;
mod store;
mod types;

pub use client::IdentityClient;
pub use refresh::Refresher;
pub use store::{POSTGRES_TABLE, SQLITE_TABLE};
pub use types::{Contact, ContactKind, Contacts, IdentityError, Known, User};
