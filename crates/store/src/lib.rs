//! PostgreSQL and SQLite behind one type.
//!
//! Query text is shared wherever the dialects allow: `$1` placeholders, `RETURNING`, `ON CONFLICT`
//! on partial unique indexes. [`with_db!`] runs one text on whichever database is behind a [`Db`]
//! (reads) or a [`Tx`] (writes). Times are 64-bit microseconds, JSON is text, ids are UUIDv7.
//!
//! Each service has its own schema on PostgreSQL and its own file on SQLite, so that services can
//! share one database URL. SQLite has one writer connection and several readers, in WAL mode, with
//! every commit flushed: a commit that was answered survives a kill and a power cut.

mod db;
mod error;
mod id;
mod open;
mod page;
mod time;

pub use db::{Db, Either, Tx};
pub use error::StoreError;
pub use id::new_id;
pub use open::{DatabaseConfig, Migrations, OpenError};
pub use page::{InvalidPage, PageToken, page_size};
pub use sqlx;
pub use time::{micros, optional_micros, optional_timestamp, timestamp};

/// What store functions give.
pub type Result<T> = std::result::Result<T, StoreError>;
