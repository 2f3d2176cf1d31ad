//! What every part of the service works with.

use std::sync::Arc;

use callout_identity::IdentityClient;
use callout_runtime::{MasterKey, SharedClock, Wake};
use callout_store::Db;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::channel::Channels;

/// Handles on everything. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The service's database.
    pub db: Db,
    /// The present time.
    pub clock: SharedClock,
    /// The identity service.
    pub identity: IdentityClient,
    /// The installation's secret.
    pub master_key: MasterKey,
    /// Sends on channels.
    pub channels: Arc<Channels>,
    /// Wakes the delivery worker.
    pub delivery_wake: Wake,
    /// Wakes the worker that looks for recipients again.
    pub recipient_wake: Wake,
    /// Deliveries that changed on this node.
    pub changes: broadcast::Sender<Uuid>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("notification::State")
    }
}
