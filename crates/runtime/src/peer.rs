//! The same client, near or far.
//!
//! A [`Peer`] carries a request either over a connection or straight into another service's
//! router in this process. Generated clients (`AlertServiceClient<Peer>`) and plain HTTP
//! forwarding use it alike, and every layer of the other service runs in both cases.

use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body};
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::secret::MasterKey;

/// The header that says on whose behalf one of Callout's services calls another.
pub const ORGANIZATION_HEADER: &str = "callout-organization";

/// What a request through a [`Peer`] can fail with before the other side answers.
pub type PeerError = Box<dyn std::error::Error + Send + Sync>;

/// Another service, in this process or elsewhere.
#[derive(Clone)]
pub struct Peer {
    inner: BoxCloneSyncService<Request<Body>, Response<Body>, PeerError>,
    token: Option<HeaderValue>,
}

impl Peer {
    /// A service in this process.
    pub fn near(router: Router) -> Self {
        let service = router.into_service::<Body>().map_err(|never| match never {});
        Self { inner: BoxCloneSyncService::new(service), token: None }
    }

    /// A service at an address such as `http://alerting:7001`. The connection is made on first
    /// use and made again when it breaks; a call that finds nobody fails with UNAVAILABLE.
    pub fn far(address: &str) -> Result<Self, tonic::transport::Error> {
        let channel = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self { inner: BoxCloneSyncService::new(FarService(channel)), token: None })
    }

    /// The same peer, called with the services' own credentials: [`peer_token`] is added to
    /// each request that brings no `authorization`.
    pub fn trusted(mut self, key: &MasterKey) -> Self {
        let value = format!("Bearer {}", peer_token(key));
        self.token = Some(HeaderValue::from_str(&value).expect("hexadecimal fits in a header"));
        self
    }

    /// The same peer, called with the caller's credentials only.
    pub fn without_credentials(mut self) -> Self {
        self.token = None;
        self
    }

    fn prepare<B>(&self, request: Request<B>) -> Request<Body>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<PeerError>,
    {
        let mut request = request.map(Body::new);
        // What this process's own router noted about the request (path parameters, the caller) is no
        // concern of the other service, and would not travel far either.
        request.extensions_mut().clear();
        if let Some(token) = &self.token
            && !request.headers().contains_key(AUTHORIZATION)
        {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        request
    }
}

/// The bearer token by which Callout's services know each other; the same on every node that
/// has the same master key.
pub fn peer_token(key: &MasterKey) -> String {
    let mut token = String::from("callout_peer_");
    for byte in key.derive("peer-token") {
        token.push_str(&format!("{byte:02x}"));
    }
    token
}

impl<B> Service<Request<B>> for Peer
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<PeerError>,
{
    type Response = Response<Body>;
    type Error = PeerError;
    type Future = BoxFuture<'static, Result<Response<Body>, PeerError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PeerError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = self.prepare(request);
        Box::pin(self.inner.call(request))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

/// A channel that speaks the routers' body type.
#[derive(Clone)]
struct FarService(Channel);

impl Service<Request<Body>> for FarService {
    type Response = Response<Body>;
    type Error = PeerError;
    type Future = BoxFuture<'static, Result<Response<Body>, PeerError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PeerError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = self.0.call(request.map(tonic::body::Body::new));
        Box::pin(async move { Ok(response.await?.map(Body::new)) })
    }
}
