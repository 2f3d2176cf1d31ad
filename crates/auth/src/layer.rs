//! The layer every service has in front of its RPCs.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use callout_runtime::{
    MasterKey,
    peer::{ORGANIZATION_HEADER, peer_token},
};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use subtle::ConstantTimeEq;
use tonic::Status;
use tower::{Layer, Service};

use crate::{
    access::AccessTable,
    key::{KeyLookup, LookupError, key_sha256},
    principal::{OrganizationId, Principal, Role, Subject},
};

/// Longer bearers are refused unread.
const MAX_BEARER_BYTES: usize = 4096;

/// What gRPC itself asks; it tells nothing about any organization.
const PUBLIC_PREFIXES: [&str; 2] = ["/grpc.health.v1.", "/grpc.reflection.v1."];

/// Puts authentication and authorization in front of gRPC routes.
#[derive(Clone)]
pub struct AuthLayer(Arc<Gate>);

struct Gate {
    keys: Arc<dyn KeyLookup>,
    peer_token: String,
}

impl AuthLayer {
    /// A layer that knows keys by `keys`, and Callout's own services by the master key.
    pub fn new(keys: Arc<dyn KeyLookup>, master_key: &MasterKey) -> Self {
        Self(Arc::new(Gate { keys, peer_token: peer_token(master_key) }))
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, gate: Arc::clone(&self.0) }
    }
}

/// A service behind [`AuthLayer`].
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Service<Request<Body>> for AuthService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        // The clone takes the place of the instance that was polled ready, which is called.
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        Box::pin(async move {
            match gate.admit(request.uri().path(), request.headers()).await {
                Ok(principal) => {
                    if let Some(principal) = principal {
                        request.extensions_mut().insert(principal);
                    }
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http::<Body>()),
            }
        })
    }
}

impl Gate {
    /// The caller of the RPC at `path`; `None` for what is public.
    async fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Option<Principal>, Status> {
        if PUBLIC_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
            return Ok(None);
        }
        let principal = self.authenticate(headers).await?;
        // Who is not authenticated does not learn which RPCs exist.
        let Some(access) = AccessTable::get().needed(path) else {
            return Err(Status::unimplemented("no such RPC"));
        };
        if !principal.may(access) {
            return Err(Status::permission_denied("the credentials do not allow this"));
        }
        Ok(Some(principal))
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Status> {
        let bearer = bearer(headers)?;
        if bool::from(bearer.as_bytes().ct_eq(self.peer_token.as_bytes())) {
            let organization = headers.get(ORGANIZATION_HEADER).and_then(|value| value.to_str().ok());
            let organization = OrganizationId::new(organization.unwrap_or_default());
            return Ok(Principal { organization, subject: Subject::Peer, role: Role::Owner });
        }
        match self.keys.lookup(&key_sha256(bearer)).await {
            Ok(Some(owner)) => Ok(Principal {
                organization: owner.organization,
                subject: owner.user_id.map_or(Subject::Key(owner.key_name), Subject::User),
                role: owner.role,
            }),
            Ok(None) => Err(Status::unauthenticated("the API key is not known or no longer good")),
            Err(LookupError::Unavailable) => Err(Status::unavailable(LookupError::Unavailable.to_string())),
        }
    }
}

/// The token of `authorization: Bearer …` (RFC 6750, section 2.1; the scheme ignores case).
fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let value = headers.get(AUTHORIZATION).ok_or_else(|| {
        Status::unauthenticated("no credentials: send an API key as `authorization: Bearer <key>`")
    })?;
    let malformed = || Status::unauthenticated("the authorization header must be `Bearer <key>`");
    let (scheme, token) = value.to_str().map_err(|_| malformed())?.split_once(' ').ok_or_else(malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > MAX_BEARER_BYTES {
        return Err(malformed());
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::HeaderValue;
    use tonic::Code;

    use super::*;
    use crate::key::KeyOwner;

    struct OneKey;

    #[async_trait]
    impl KeyLookup for OneKey {
        async fn lookup(&self, sha256: &str) -> Result<Option<KeyOwner>, LookupError> {
            let owner =
                |role| KeyOwner { organization: "acme".into(), key_name: "ci".into(), role, user_id: None };
            match sha256 {
                s if s == key_sha256("viewer") => Ok(Some(owner(Role::Viewer))),
                s if s == key_sha256("unlucky") => Err(LookupError::Unavailable),
                _ => Ok(None),
            }
        }
    }

    const GET: &str = "/alerting.v1.AlertService/GetAlert";
    const ACKNOWLEDGE: &str = "/alerting.v1.AlertService/AcknowledgeAlert";
    const AUTHENTICATE: &str = "/identity.v1.CredentialService/AuthenticateApiKey";

    async fn admit(path: &str, authorization: Option<&str>) -> Result<Option<Principal>, Code> {
        let key = MasterKey::from_bytes([1; 32]);
        let gate = Gate { keys: Arc::new(OneKey), peer_token: peer_token(&key) };
        let mut headers = HeaderMap::new();
        headers.insert(ORGANIZATION_HEADER, HeaderValue::from_static("named"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        gate.admit(path, &headers).await.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn callers_are_let_in_or_refused_by_their_key_and_role() {
        let peer = format!("Bearer {}", peer_token(&MasterKey::from_bytes([1; 32])));
        let other_installation = format!("Bearer {}", peer_token(&MasterKey::from_bytes([2; 32])));
        let refused = [
            (GET, None, Code::Unauthenticated),
            (GET, Some("Bearer "), Code::Unauthenticated),
            (GET, Some("Basic dXNlcjpwYXNz"), Code::Unauthenticated),
            (GET, Some("Bearer wrong"), Code::Unauthenticated),
            (GET, Some(other_installation.as_str()), Code::Unauthenticated),
            (GET, Some("Bearer unlucky"), Code::Unavailable),
            (ACKNOWLEDGE, Some("Bearer viewer"), Code::PermissionDenied),
            (AUTHENTICATE, Some("Bearer viewer"), Code::PermissionDenied),
            ("/x.Y/Z", None, Code::Unauthenticated),
            ("/x.Y/Z", Some("Bearer viewer"), Code::Unimplemented),
        ];
        for (path, authorization, code) in refused {
            assert_eq!(admit(path, authorization).await, Err(code), "{path} {authorization:?}");
        }
        let viewer = admit(GET, Some("bearer viewer")).await.unwrap().unwrap();
        assert_eq!((viewer.organization.as_str(), viewer.actor()), ("acme", "ci"));
        let service = admit(AUTHENTICATE, Some(&peer)).await.unwrap().unwrap();
        assert_eq!((service.organization.as_str(), service.subject), ("named", Subject::Peer));
        assert_eq!(admit("/grpc.health.v1.Health/Check", None).await, Ok(None));
    }
}
