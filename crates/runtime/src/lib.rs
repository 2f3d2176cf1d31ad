//! What a program needs to run: configuration, secrets, telemetry, the clock, peers, the
//! server, workers and shutdown.
//!
//! This is the only place that reads the present time, the environment and random numbers for
//! secrets; everything else is handed them. A service hands back a [`Service`]: what it answers
//! and what it does by itself. Nothing here knows what an alert is.

pub mod clock;
pub mod config;
pub mod grpc;
pub mod peer;
pub mod request;
pub mod secret;
pub mod server;
pub mod service;
pub mod status;
pub mod structs;
pub mod telemetry;
pub mod worker;
pub mod yaml;

pub use clock::{Clock, SharedClock, SystemClock};
pub use peer::Peer;
pub use secret::MasterKey;
pub use service::Service;
pub use worker::{Next, Wake, Worker, WorkerError};
