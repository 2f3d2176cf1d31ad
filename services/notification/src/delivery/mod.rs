//! Deliveries: one message to one destination, until it is certain what became of it.

mod accept;
mod limit;
pub mod recipient;
pub mod rpc;
pub mod settle;
pub mod state;
pub mod store;
mod wire;
pub mod worker;
