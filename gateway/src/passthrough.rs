//! Webhooks and action links: passed to alerting as they come.
//!
//! Bodies are streamed and only their size is looked at. A few headers go on; what a proxy might
//! say about the caller's address does not, for nothing here could tell whether it is true.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    routing::any,
};
use callout_runtime::Peer;
use http::{HeaderMap, HeaderName, Request, Response, header};
use http_body_util::{LengthLimitError, Limited};

use crate::{GatewayConfig, error, grpc::send, peers::NamedPeer};

/// What goes on of a request's headers.
const KEPT: [HeaderName; 10] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-request-id"),
];
/// What does not come back: it belongs to the connection.
const DROPPED: [HeaderName; 3] =
    [header::CONNECTION, header::TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];

#[derive(Debug, Clone)]
struct Passage {
    alerting: Peer,
    limit: usize,
}

/// `/api/v1/webhook/…` and `/a/…`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(config: &GatewayConfig, alerting: Peer) -> Router<S> {
    let passage = Passage { alerting, limit: config.webhook_body_limit_bytes };
    Router::new()
        .route("/api/v1/webhook/{*rest}", any(pass))
        .route("/a/{*rest}", any(pass))
        .with_state(passage)
}

async fn pass(State(passage): State<Passage>, request: Request<Body>) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    head.headers = kept(&head.headers);
    if declared_length(&head.headers).is_some_and(|length| length > passage.limit) {
        return error::too_large(passage.limit);
    }
    let exceeded = Arc::new(AtomicBool::new(false));
    let body = Watched { body: Limited::new(body, passage.limit), exceeded: Arc::clone(&exceeded) };
    let to = NamedPeer { name: "alerting", peer: passage.alerting };
    let answer = send(to, Request::from_parts(head, Body::new(body))).await;
    // Whatever alerting made of the body that broke off.
    if exceeded.load(Ordering::Relaxed) {
        return error::too_large(passage.limit);
    }
    match answer {
        Ok(mut response) => {
            for name in DROPPED {
                response.headers_mut().remove(name);
            }
            response
        }
        Err(status) => error::response(&status),
    }
}

fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in KEPT {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A limited body that remembers whether it was too long.
struct Watched {
    body: Limited<Body>,
    exceeded: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = &polled
            && error.is::<LengthLimitError>()
        {
            self.exceeded.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
