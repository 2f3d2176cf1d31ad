//! REST for every RPC, from the descriptors.
//!
//! A request finds its [`binding`](binding::Binding), becomes a message, goes to the peer that
//! owns the RPC's package, and the answer becomes JSON. Nothing here knows any particular RPC.

pub mod binding;
mod body;
mod call;
mod codec;
mod json;
mod parameter;
mod request;
pub mod response;
pub mod routes;
mod scalar;
mod stream;
pub mod template;
mod violation;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::{HeaderValue, Method, Request, Response, StatusCode, header::ALLOW};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tonic::Status;

use crate::{GatewayConfig, error, peers::Peers};
use binding::{Binding, BindingError};
use routes::{Found, Routes};

/// Answers REST requests.
#[derive(Debug, Clone)]
pub struct Transcoder {
    routes: Arc<Routes<Binding>>,
    peers: Peers,
    body_limit: usize,
}

impl Transcoder {
    /// A transcoder of the whole API.
    pub fn new(config: &GatewayConfig, peers: Peers) -> Result<Self, BindingError> {
        Ok(Self { routes: Arc::new(binding::routes()?), peers, body_limit: config.body_limit_bytes })
    }

    /// The routes it knows.
    pub fn bindings(&self) -> &[Binding] {
        self.routes.values()
    }

    /// Answers a request; with 404 if its path is none of the API's.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        // HEAD is answered like GET; the server leaves the body out.
        let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        let (binding, segments) = match self.routes.find(method, head.uri.path()) {
            Found::Route(binding, segments) => (binding, segments),
            Found::OtherMethods(methods) if head.method == Method::OPTIONS => return options(&methods),
            Found::OtherMethods(methods) => return error::method_not_allowed(&methods),
            Found::Nothing => return error::not_found(),
        };
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let values = binding.template.values(&segments);
        let query = head.uri.query().unwrap_or_default();
        let message = match request::request(binding, &values, query, &body) {
            Ok(message) => message,
            Err(violations) => return error::response(&violations.into_status()),
        };
        let Some(peer) = self.peers.owner(&binding.package()) else {
            return error::response(&Status::unimplemented("no service here answers this"));
        };
        match call::call(&peer, binding, message, &head.headers).await {
            Ok(response) => response,
            Err(status) => error::response(&status),
        }
    }

    async fn read(&self, body: Body) -> Result<Bytes, Response<Body>> {
        match Limited::new(body, self.body_limit).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(error::too_large(self.body_limit)),
            Err(error) => {
                tracing::debug!(%error, "a request's body did not arrive");
                let status = callout_runtime::status::invalid_field("body", "did not arrive completely");
                Err(error::response(&status))
            }
        }
    }
}

fn options(methods: &[String]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}
