//! Whether the gateway and the services behind it work.
//!
//! `/healthz` says that the process answers. `/readyz` asks the services; it is ready as long as
//! alerting is, for alerts are taken and people are paged while the others are away.

use std::{pin::Pin, time::Duration};

use axum::{Json, Router, extract::State, routing::get};
use futures::{Stream, stream};
use http::StatusCode;
use serde_json::{Value, json};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient, health_server::Health,
};

use callout_runtime::Peer;

use crate::peers::{NamedPeer, Peers};

/// How long a service may take to say that it works.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz` and `/readyz`.
pub(crate) fn http_routes<S: Clone + Send + Sync + 'static>(peers: Peers) -> Router<S> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(peers)
}

async fn ready(State(peers): State<Peers>) -> (StatusCode, Json<Value>) {
    let (alerting, identity, notification) = tokio::join!(
        serves(&peers.alerting, ""),
        serves(&peers.identity, ""),
        serves(&peers.notification, "")
    );
    let word = |serving: bool| if serving { "serving" } else { "unavailable" };
    let body = json!({
        "ready": alerting,
        "services": {
            "alerting": word(alerting),
            "identity": word(identity),
            "notification": word(notification),
        },
    });
    (if alerting { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// Whether a peer says that it serves a service ("" for all of them).
async fn serves(peer: &Peer, service: &str) -> bool {
    let mut client = HealthClient::new(peer.clone());
    let request = HealthCheckRequest { service: service.to_owned() };
    match tokio::time::timeout(PATIENCE, client.check(request)).await {
        Ok(Ok(response)) => response.get_ref().status() == ServingStatus::Serving,
        _ => false,
    }
}

/// `grpc.health.v1` at the gateway: for itself, and for each service by asking it.
#[derive(Debug)]
pub(crate) struct HealthRpc {
    peers: Peers,
}

impl HealthRpc {
    pub(crate) fn new(peers: Peers) -> Self {
        Self { peers }
    }

    async fn status(&self, service: &str) -> Result<HealthCheckResponse, Status> {
        let serving = match service {
            "" => true,
            named => {
                let owner = self.peers.owner_of_service(named);
                let NamedPeer { peer, .. } = owner.ok_or_else(|| Status::not_found("no such service"))?;
                serves(&peer, named).await
            }
        };
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        Ok(HealthCheckResponse { status: status.into() })
    }
}

#[tonic::async_trait]
impl Health for HealthRpc {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.status(&request.get_ref().service).await.map(Response::new)
    }

    /// Tells the present state; a caller that wants to follow it asks again.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let status = self.status(&request.get_ref().service).await?;
        Ok(Response::new(Box::pin(stream::iter([Ok(status)]))))
    }
}
