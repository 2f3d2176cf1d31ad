//! gRPC and plain HTTP on one router, with health and reflection.

use axum::{Router, body::Body};
use callout_proto::DESCRIPTORS;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use tonic::{Status, service::RoutesBuilder};
use tower_http::catch_panic::CatchPanicLayer;

/// Adds gRPC health (all of `names` serving) and reflection (for `names` only) to the routes
/// and gives the router. Unknown paths are not found: in gRPC's way for gRPC callers, with
/// HTTP 404 for the rest.
///
/// `names` are full service names, such as "alerting.v1.AlertService".
pub async fn router(mut routes: RoutesBuilder, names: &[&'static str]) -> Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    for name in names {
        reporter.set_service_status(*name, tonic_health::ServingStatus::Serving).await;
        reflection = reflection.with_service_name(*name);
    }
    let reflection = reflection.build_v1().expect("the embedded descriptors decode");
    routes.add_service(health).add_service(reflection);
    routes.routes().prepare().into_axum_router().reset_fallback().fallback(not_found)
}

/// Joins gRPC routes and plain HTTP routes, and answers INTERNAL where a handler panics.
pub fn with_http(grpc: Router, http: Router) -> Router {
    grpc.merge(http).layer(CatchPanicLayer::new())
}

/// The answer where nothing is.
async fn not_found(request: Request<Body>) -> Response<Body> {
    if is_grpc(request.headers().get(CONTENT_TYPE)) {
        return Status::unimplemented("no such RPC").into_http();
    }
    let mut response = Response::new(Body::from("not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Whether a content type is gRPC's.
pub fn is_grpc(content_type: Option<&HeaderValue>) -> bool {
    content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.starts_with("application/grpc") && !value.starts_with("application/grpc-web")
    })
}
