//! API keys, looked up at the identity service.

use async_trait::async_trait;
use callout_auth::{KeyLookup, KeyOwner, LookupError, Role};
use callout_proto::identity::v1 as pb;
use callout_runtime::request::on_behalf_of;
use jiff::{SignedDuration, Timestamp};
use tonic::{Code, Response, Status};

use crate::{
    client::{Answer, FRESH_FOR, IdentityClient, subject},
    store::{Copy, Subject},
    types::IdentityError,
};

pub(crate) const KIND: &str = "api-key";

/// How long a key is good while the identity service cannot say whether it was revoked.
pub(crate) const KEY_OUTLIVES: SignedDuration = SignedDuration::from_hours(24);

/// Whether a copy may still stand in for an answer.
pub(crate) fn may_be_used(of: &Subject, copy: &Copy, now: Timestamp) -> bool {
    of.kind != KIND || now.duration_since(copy.fetched_at) < KEY_OUTLIVES
}

impl Answer for pb::AuthenticateApiKeyResponse {
    /// A key that is about to expire is good for less.
    fn fresh_for(&self) -> SignedDuration {
        let max_age = self.max_age.as_ref().map(|age| SignedDuration::from_secs(age.seconds.max(0)));
        max_age.map_or(FRESH_FOR, |age| age.min(FRESH_FOR))
    }
}

#[async_trait]
impl KeyLookup for IdentityClient {
    async fn lookup(&self, key_sha256: &str) -> Result<Option<KeyOwner>, LookupError> {
        let request = pb::AuthenticateApiKeyRequest { key_sha256: key_sha256.to_owned() };
        let mut credentials = self.credentials.clone();
        let ask = async move {
            let answer = credentials.authenticate_api_key(on_behalf_of("", request)).await;
            answer.map(Response::into_inner).map_err(unknown_key_is_not_found)
        };
        match self.known(&subject("", KIND, key_sha256), ask).await {
            Ok(known) => {
                if !known.stale {
                    self.heard_of(&known.value.organization_id).await;
                }
                Ok(owner(known.value))
            }
            Err(IdentityError::NotFound) => Ok(None),
            Err(IdentityError::Unavailable) => Err(LookupError::Unavailable),
        }
    }
}

/// The identity service says UNAUTHENTICATED both of a key nobody has and of our own credentials;
/// either way the key opens nothing.
fn unknown_key_is_not_found(status: Status) -> Status {
    if status.code() == Code::Unauthenticated { Status::not_found(status.message()) } else { status }
}

fn owner(answer: pb::AuthenticateApiKeyResponse) -> Option<KeyOwner> {
    let role = Role::from_pb(answer.role())?;
    Some(KeyOwner {
        organization: answer.organization_id.into(),
        key_name: answer.key_name,
        role,
        user_id: Some(answer.user_id).filter(|id| !id.is_empty()),
    })
}
