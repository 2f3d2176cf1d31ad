//! The edge of Callout: REST and gRPC on one port, over the services' gRPC.
//!
//! - REST for every RPC, transcoded from the API's descriptors ([`transcode`](crate)); errors
//!   are `google.rpc.Status` JSON, and HTTP codes are decided in one place.
//! - gRPC itself, reflection and health, forwarded to the service that owns the package.
//! - Webhooks (`/api/v1/webhook/…`) and action links (`/a/…`), passed to alerting unread.
//! - `/openapi.json` and `/docs`, made from the same descriptors.
//!
//! The gateway owns nothing and decides nothing: it keeps no state, has no credentials of its
//! own, and passes the caller's bearer on to the services, which authenticate it. Any number of
//! replicas may run. A crash loses the requests under way and nothing else.

mod config;
mod descriptors;
mod docs;
mod edge;
mod error;
mod grpc;
mod health;
mod openapi;
mod passthrough;
mod peers;
mod transcode;

use axum::{Router, body::Body, extract::State, routing::any};
use http::{Request, Response, header::CONTENT_TYPE};

pub use config::{GatewayConfig, GatewayError};
pub use peers::Peers;

use crate::transcode::Transcoder;

/// What handlers share.
#[derive(Debug, Clone)]
struct Gateway {
    transcoder: Transcoder,
    peers: Peers,
    local: Router,
}

/// Builds the gateway's router.
pub fn build(config: GatewayConfig, peers: Peers) -> Result<Router, GatewayError> {
    let peers = peers.without_credentials();
    let transcoder = Transcoder::new(&config, peers.clone())?;
    let mut router = Router::new()
        .merge(health::http_routes(peers.clone()))
        .merge(passthrough::routes(&config, peers.alerting.clone()));
    if config.docs {
        router = router.merge(docs::routes(&openapi::document(transcoder.bindings())));
    }
    let gateway = Gateway { transcoder, local: grpc::local_routes(peers.clone()), peers };
    let router = router.fallback(any(answer)).with_state(gateway);
    edge::around(router, &config)
}

/// Everything that has no route of its own: gRPC by its content type, REST otherwise.
async fn answer(State(gateway): State<Gateway>, request: Request<Body>) -> Response<Body> {
    if callout_runtime::grpc::is_grpc(request.headers().get(CONTENT_TYPE)) {
        return grpc::forward(&gateway.peers, gateway.local, request).await;
    }
    gateway.transcoder.answer(request).await
}
