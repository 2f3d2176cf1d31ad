//! The gateway over services that are near (in this process) and far (over a connection).

mod edge;
mod fake;
mod grpc;
mod hostile;
mod rest;
mod stream;

use std::sync::Arc;

use axum::{Router, body::Body};
use callout_gateway::{GatewayConfig, Peers, build};
use callout_runtime::Peer;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt;

/// A gateway and what its services tell.
struct Gateway {
    router: Router,
    watch_dropped: Arc<Notify>,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Gateway {
    async fn new(far: bool) -> Self {
        Self::with(far, GatewayConfig::default()).await
    }

    async fn with(far: bool, config: GatewayConfig) -> Self {
        let watch_dropped = Arc::new(Notify::new());
        let peers = Peers {
            identity: fake::peer(fake::identity().await, far).await,
            alerting: fake::peer(fake::alerting(Arc::clone(&watch_dropped)).await, far).await,
            // Nobody listens there.
            notification: Peer::far("http://127.0.0.1:1").unwrap(),
        };
        Self { router: build(config, peers).unwrap(), watch_dropped }
    }

    /// One near, one far.
    async fn both() -> [Self; 2] {
        [Self::new(false).await, Self::new(true).await]
    }

    async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.open(request).await.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, &[], "")).await
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}
