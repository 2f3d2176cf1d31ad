//! What every request and answer passes: a request id, security headers, CORS, a last net.

use axum::{Router, body::Body, extract::Request, middleware::Next, response::Response};
use http::{
    HeaderName, HeaderValue, Method,
    header::{
        AUTHORIZATION, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use tonic::Status;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use uuid::Uuid;

use crate::{GatewayConfig, GatewayError, error};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids of a caller are replaced.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Puts the edge around the routes.
pub(crate) fn around(router: Router, config: &GatewayConfig) -> Result<Router, GatewayError> {
    let mut router = router.layer(CatchPanicLayer::custom(|_| {
        tracing::error!("a handler panicked");
        error::response(&Status::internal("the gateway failed"))
    }));
    if !config.cors_allowed_origins.is_empty() {
        router = router.layer(cors(&config.cors_allowed_origins)?);
    }
    Ok(router.layer(axum::middleware::from_fn(mark)))
}

/// Gives a request its id, and its answer the id and the security headers.
async fn mark(mut request: Request, next: Next) -> Response<Body> {
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_usable(id)).cloned();
    let id = id.unwrap_or_else(|| {
        HeaderValue::from_str(&Uuid::now_v7().to_string()).expect("hexadecimal fits in a header")
    });
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in
        [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "no-referrer")]
    {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn is_usable(id: &HeaderValue) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn cors(origins: &[String]) -> Result<CorsLayer, GatewayError> {
    let origins = origins.iter().map(|origin| parse_origin(origin)).collect::<Result<Vec<_>, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, REQUEST_ID])
        .expose_headers([REQUEST_ID, RETRY_AFTER]))
}

/// A scheme and an authority, nothing after them (RFC 6454, section 6.2).
fn parse_origin(origin: &str) -> Result<HeaderValue, GatewayError> {
    let wrong = || GatewayError::Origin(origin.to_owned());
    let authority =
        origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).ok_or_else(wrong)?;
    let is_authority = !authority.is_empty() && !authority.contains(['/', '*', '?', '#', '@', ' ']);
    HeaderValue::from_str(origin).ok().filter(|_| is_authority).ok_or_else(wrong)
}
