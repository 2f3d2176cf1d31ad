//! An HTTP server that remembers what it was sent and answers as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Response},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::PATIENCE;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Every header.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl ReceivedRequest {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What the receiver answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status, headers and a body.
    Respond(u16, Vec<(&'static str, String)>, String),
    /// Nothing, ever; the connection stays open.
    Hang,
}

impl Answer {
    /// A status with a body.
    pub fn status(status: u16, body: &str) -> Self {
        Self::Respond(status, Vec::new(), body.to_owned())
    }
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<ReceivedRequest>>,
    answers: Mutex<VecDeque<Answer>>,
    usual: Mutex<Answer>,
    count: watch::Sender<usize>,
}

/// An HTTP server on loopback.
#[derive(Debug)]
pub struct HttpReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl HttpReceiver {
    /// Starts one that answers 200 `ok`.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            answers: Mutex::default(),
            usual: Mutex::new(Answer::status(200, "ok")),
            count: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { address, shared, stop }
    }

    /// The URL of a path on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers the next request like this, those after it as usual. May be called several times.
    pub fn answer_next(&self, answer: Answer) {
        self.shared.answers.lock().expect("not poisoned").push_back(answer);
    }

    /// Answers every request like this from now on.
    pub fn answer_always(&self, answer: Answer) {
        *self.shared.usual.lock().expect("not poisoned") = answer;
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.shared.received.lock().expect("not poisoned").clone()
    }

    /// Waits until `count` requests have arrived in all, and gives them.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedRequest> {
        let mut changes = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, changes.wait_for(|have| *have >= count)).await;
        let received = self.received();
        assert!(arrived.is_ok(), "{} of {count} requests arrived: {received:#?}", received.len());
        received
    }
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let request = ReceivedRequest { method: head.method, path, headers: head.headers, body };
    shared.received.lock().expect("not poisoned").push(request);
    shared.count.send_modify(|count| *count += 1);
    let next = shared.answers.lock().expect("not poisoned").pop_front();
    let answer = next.unwrap_or_else(|| shared.usual.lock().expect("not poisoned").clone());
    match answer {
        Answer::Hang => std::future::pending().await,
        Answer::Respond(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).expect("a valid answer")
        }
    }
}
