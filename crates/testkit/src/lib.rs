//! Databases, clocks and receivers for tests; nothing here is part of the product.

mod clock;
mod database;
mod http;
mod smtp;

pub use clock::ManualClock;
pub use database::{TestDatabase, databases};
pub use http::{Answer, HttpReceiver, ReceivedRequest};
pub use smtp::{Mail, SmtpReceiver};

/// How long a test waits for something that should happen at once.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
