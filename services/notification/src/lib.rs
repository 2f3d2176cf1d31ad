//! How they are told.
//!
//! Takes messages for people and channels, renders them by templates and sends them, until it is
//! certain what became of each.
//!
//! Invariants: nothing is sent before its delivery is committed, nor before it is committed that an
//! attempt begins; what a preview shows is what is sent, because both are rendered by one function;
//! secrets are encrypted at rest and never answered. A crash leaves attempts whose leases run out.

pub mod channel;
pub mod delivery;
pub mod error;
pub mod rendered;
pub mod state;
pub mod template;
mod wire;

use std::sync::Arc;

use callout_auth::AuthLayer;
use callout_identity::{IdentityClient, Refresher};
use callout_proto::notification::v1::{
    channel_service_server::ChannelServiceServer, notification_service_server::NotificationServiceServer,
    template_service_server::TemplateServiceServer,
};
use callout_runtime::{MasterKey, Peer, Service, SharedClock, Wake, Worker};
use callout_store::{Db, Migrations};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tonic::service::Routes;

use crate::{
    channel::{Channels, Guard},
    delivery::{recipient::RecipientWorker, worker::DeliveryWorker},
    state::State,
};

/// The services that are served.
const NAMES: [&str; 3] = [
    "notification.v1.NotificationService",
    "notification.v1.TemplateService",
    "notification.v1.ChannelService",
];

/// How notification is run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotificationConfig {
    /// Networks that are not public and may be sent to all the same, such as `10.0.0.0/8`.
    pub allowed_networks: Vec<IpNet>,
}

/// What notification needs of the program.
#[derive(Debug, Clone)]
pub struct Dependencies {
    /// Its database, opened with [`migrations`].
    pub db: Db,
    /// The present time.
    pub clock: SharedClock,
    /// The installation's secret.
    pub master_key: MasterKey,
    /// The identity service.
    pub identity: Peer,
}

/// Notification's schema.
pub fn migrations() -> Migrations {
    Migrations {
        schema: "notification",
        postgres: sqlx::migrate!("migrations/postgres"),
        sqlite: sqlx::migrate!("migrations/sqlite"),
    }
}

/// Builds the service.
pub async fn build(config: &NotificationConfig, with: Dependencies) -> Service {
    let identity =
        IdentityClient::new(with.identity.trusted(&with.master_key), with.db.clone(), with.clock.clone());
    let state = State {
        db: with.db,
        clock: with.clock.clone(),
        identity: identity.clone(),
        channels: Arc::new(Channels::new(Guard::new(&config.allowed_networks), with.clock)),
        master_key: with.master_key,
        delivery_wake: Wake::new(),
        recipient_wake: Wake::new(),
        changes: broadcast::Sender::new(4096),
    };
    let auth = AuthLayer::new(Arc::new(identity.clone()), &state.master_key);
    let mut routes = Routes::builder();
    routes
        .add_service(NotificationServiceServer::new(state.clone()))
        .add_service(TemplateServiceServer::new(state.clone()))
        .add_service(ChannelServiceServer::new(state.clone()));
    let grpc = callout_runtime::grpc::router(routes, &NAMES).await.route_layer(auth);
    Service {
        name: "notification",
        router: callout_runtime::grpc::with_http(grpc, axum::Router::new()),
        workers: workers(&state, identity),
    }
}

fn workers(state: &State, identity: IdentityClient) -> Vec<(Arc<dyn Worker>, Wake)> {
    vec![
        (Arc::new(DeliveryWorker::new(state.clone())), state.delivery_wake.clone()),
        (Arc::new(RecipientWorker::new(state.clone())), state.recipient_wake.clone()),
        (Arc::new(Refresher::new(identity)), Wake::new()),
    ]
}
