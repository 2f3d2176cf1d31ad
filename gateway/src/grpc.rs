//! gRPC on the gateway's port: each call goes, unread, to the service that owns its package.

use axum::{Router, body::Body};
use callout_proto::DESCRIPTORS;
use http::{HeaderName, Request, Response, Version, header};
use tonic::{Status, service::Routes};
use tower::{Service, ServiceExt};

use crate::{
    descriptors, error,
    health::HealthRpc,
    peers::{NamedPeer, Peers},
};

/// Headers that belong to one connection (RFC 9110, section 7.6.1), and the one by which
/// Callout's services say on whose behalf they call.
const DROPPED: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static(callout_runtime::peer::ORGANIZATION_HEADER),
];

/// Reflection over all services, and health, which asks the services.
pub(crate) fn local_routes(peers: Peers) -> Router {
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    for service in descriptors::services() {
        reflection = reflection.with_service_name(service.full_name());
    }
    let reflection = reflection.build_v1().expect("the embedded descriptors decode");
    let health = tonic_health::pb::health_server::HealthServer::new(HealthRpc::new(peers));
    Routes::new(reflection).add_service(health).prepare().into_axum_router()
}

/// Answers a gRPC call.
pub(crate) async fn forward(peers: &Peers, local: Router, mut request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    if path.starts_with("/grpc.reflection.v1.") || path.starts_with("/grpc.health.v1.") {
        return local.oneshot(request).await.unwrap_or_else(|never| match never {});
    }
    let Some(owner) = peers.owner_of_rpc(path) else {
        return Status::unimplemented("no such RPC").into_http();
    };
    for name in DROPPED {
        request.headers_mut().remove(name);
    }
    send(owner, request).await.unwrap_or_else(Status::into_http)
}

/// Sends a request on to a peer; UNAVAILABLE where it cannot be reached.
pub(crate) async fn send(to: NamedPeer, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    // The path alone: the peer knows its own address.
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = path.into();
    }
    *request.version_mut() = Version::HTTP_2;
    let NamedPeer { name, mut peer } = to;
    let failed = |error: callout_runtime::peer::PeerError| {
        tracing::warn!(
            service = name,
            error = &*error as &dyn std::error::Error,
            "a service cannot be reached"
        );
        error::unreachable(name)
    };
    let ready = ServiceExt::<Request<Body>>::ready(&mut peer).await.map_err(failed)?;
    ready.call(request).await.map_err(failed)
}
