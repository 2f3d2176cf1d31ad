//! What every part of the service works with.

use std::sync::Arc;

use callout_identity::IdentityClient;
use callout_proto::notification::v1::notification_service_client::NotificationServiceClient;
use callout_runtime::{Peer, SharedClock, Wake};
use callout_store::Db;
use tokio::sync::broadcast;

use crate::{
    action::ActionLinks,
    alert::{Alert, event::RecordedEvent},
    catalog::key::Keys,
    ingest::Committer,
    snapshot::Snapshots,
};

/// A change of an alert, for those who watch.
#[derive(Debug, Clone)]
pub struct Change {
    /// The alert after it.
    pub alert: Arc<Alert>,
    /// What changed it.
    pub event: Arc<RecordedEvent>,
}

/// Handles on everything. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The service's database.
    pub db: Db,
    /// The present time.
    pub clock: SharedClock,
    /// The organizations' configuration.
    pub snapshots: Snapshots,
    /// Integration keys looked up lately.
    pub keys: Keys,
    /// The identity service.
    pub identity: IdentityClient,
    /// The notification service.
    pub notification: NotificationServiceClient<Peer>,
    /// Makes alerts of signals.
    pub committer: Committer,
    /// Signs the links by which people act.
    pub links: ActionLinks,
    /// Wakes the escalation worker.
    pub escalation_wake: Wake,
    /// Wakes the outbox relay.
    pub outbox_wake: Wake,
    /// Changes on this node.
    pub changes: broadcast::Sender<Change>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("alerting::State")
    }
}
