//! Who must know, and when.
//!
//! Takes alerts, recognises repeats, routes them, escalates them by policies and schedules until
//! somebody acts, and tells notification who shall hear what.
//!
//! Invariants: nothing is answered before it is committed; at most one open alert a fault
//! (organization, service, fingerprint), which the database enforces; every change of an alert is
//! an entry in its history; every effect leaves through the outbox, in the transaction that causes
//! it. A crash at any instant loses nothing: escalations are due in a table, messages wait in one.

pub mod action;
pub mod alert;
pub mod catalog;
pub mod error;
pub mod escalation;
pub mod ingest;
pub mod notify;
pub mod routing;
pub mod schedule;
pub mod snapshot;
pub mod state;
pub mod violation;
mod wire;

use std::sync::Arc;

use callout_auth::AuthLayer;
use callout_identity::{IdentityClient, Refresher};
use callout_outbox::Relay;
use callout_proto::{
    alerting::v1::{
        alert_service_server::AlertServiceServer, escalation_service_server::EscalationServiceServer,
        routing_service_server::RoutingServiceServer, schedule_service_server::ScheduleServiceServer,
        service_catalog_server::ServiceCatalogServer,
    },
    notification::v1::notification_service_client::NotificationServiceClient,
};
use callout_runtime::{MasterKey, Peer, Service, SharedClock, Wake, Worker};
use callout_store::{Db, Migrations};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tonic::service::Routes;

use crate::{
    action::ActionLinks, catalog::key::Keys, escalation::worker::EscalationWorker, ingest::Committer,
    notify::NotificationHandler, snapshot::Snapshots, state::State,
};

/// The services that are served.
const NAMES: [&str; 5] = [
    "alerting.v1.AlertService",
    "alerting.v1.ServiceCatalog",
    "alerting.v1.RoutingService",
    "alerting.v1.ScheduleService",
    "alerting.v1.EscalationService",
];

/// How alerting is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingConfig {
    /// Where people reach Callout: the beginning of the links in messages.
    pub public_url: String,
    /// How long such a link works, in hours.
    pub action_link_hours: u32,
}

impl Default for AlertingConfig {
    fn default() -> Self {
        Self { public_url: "http://127.0.0.1:8080".to_owned(), action_link_hours: 72 }
    }
}

/// What alerting needs of the program.
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
    /// The notification service.
    pub notification: Peer,
}

/// Alerting's schema.
pub fn migrations() -> Migrations {
    Migrations {
        schema: "alerting",
        postgres: sqlx::migrate!("migrations/postgres"),
        sqlite: sqlx::migrate!("migrations/sqlite"),
    }
}

/// Builds the service.
pub async fn build(config: &AlertingConfig, with: Dependencies) -> Service {
    let identity =
        IdentityClient::new(with.identity.trusted(&with.master_key), with.db.clone(), with.clock.clone());
    let notification = NotificationServiceClient::new(with.notification.trusted(&with.master_key));
    let lifetime = SignedDuration::from_hours(config.action_link_hours.into());
    let parts = ingest::Parts {
        db: with.db.clone(),
        clock: with.clock.clone(),
        snapshots: Snapshots::default(),
        links: ActionLinks::new(&with.master_key, &config.public_url, lifetime),
        escalation_wake: Wake::new(),
        outbox_wake: Wake::new(),
        changes: broadcast::Sender::new(4096),
    };
    let state = State {
        db: with.db,
        clock: with.clock,
        snapshots: parts.snapshots.clone(),
        keys: Keys::default(),
        identity: identity.clone(),
        notification,
        links: parts.links.clone(),
        escalation_wake: parts.escalation_wake.clone(),
        outbox_wake: parts.outbox_wake.clone(),
        changes: parts.changes.clone(),
        committer: Committer::start(parts),
    };
    let auth = AuthLayer::new(Arc::new(identity.clone()), &with.master_key);
    let grpc = callout_runtime::grpc::router(routes(&state), &NAMES).await.route_layer(auth);
    let http = ingest::router(state.clone()).merge(action::router(state.clone()));
    Service {
        name: "alerting",
        router: callout_runtime::grpc::with_http(grpc, http),
        workers: workers(&state, identity),
    }
}

fn routes(state: &State) -> tonic::service::RoutesBuilder {
    let mut routes = Routes::builder();
    routes
        .add_service(AlertServiceServer::new(state.clone()))
        .add_service(ServiceCatalogServer::new(state.clone()))
        .add_service(RoutingServiceServer::new(state.clone()))
        .add_service(ScheduleServiceServer::new(state.clone()))
        .add_service(EscalationServiceServer::new(state.clone()));
    routes
}

fn workers(state: &State, identity: IdentityClient) -> Vec<(Arc<dyn Worker>, Wake)> {
    let handler = Arc::new(NotificationHandler::new(state.notification.clone()));
    vec![
        (Arc::new(EscalationWorker::new(state.clone())), state.escalation_wake.clone()),
        (Arc::new(Relay::new(state.db.clone(), handler)), state.outbox_wake.clone()),
        (Arc::new(Refresher::new(identity)), Wake::new()),
    ]
}
