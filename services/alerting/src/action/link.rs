//! Links that let whoever got a message act on its alert.
//!
//! A link is a claim (alert, organization, person, expiry) and its HMAC-SHA-256. It opens one
//! alert, for the person it was made for, for a time; nothing is kept about it.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use callout_auth::OrganizationId;
use callout_runtime::MasterKey;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    alert::{Alert, AlertId},
    escalation::step::Recipient,
};

/// Where the pages are, under the public URL.
pub const PATH: &str = "/a/";

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "a")]
    alert: Uuid,
    #[serde(rename = "o")]
    organization: String,
    /// Whom the message was for.
    #[serde(rename = "r")]
    pub recipient: Recipient,
    /// Seconds since the epoch.
    #[serde(rename = "e")]
    expires: i64,
}

impl Claim {
    /// The alert it opens.
    pub fn alert_id(&self) -> AlertId {
        AlertId(self.alert)
    }

    /// The alert's organization.
    pub fn organization(&self) -> OrganizationId {
        self.organization.as_str().into()
    }

    /// The name that histories show.
    pub fn actor(&self) -> String {
        match &self.recipient {
            Recipient::User(id) => id.clone(),
            Recipient::Channel(_) => "somebody in a channel".to_owned(),
        }
    }
}

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made by this installation.
    #[error("This link is not valid.")]
    Forged,
    /// Its time is over.
    #[error("This link has expired.")]
    Expired,
}

/// Makes and checks links.
#[derive(Clone)]
pub struct ActionLinks {
    key: Arc<[u8; 32]>,
    public_url: Arc<str>,
    lifetime: SignedDuration,
}

impl std::fmt::Debug for ActionLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActionLinks").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl ActionLinks {
    /// Links below `public_url`.
    pub fn new(master_key: &MasterKey, public_url: &str, lifetime: SignedDuration) -> Self {
        Self {
            key: Arc::new(master_key.derive("action-links")),
            public_url: public_url.trim_end_matches('/').into(),
            lifetime,
        }
    }

    /// The link by which a recipient acts on an alert.
    pub fn link(&self, alert: &Alert, recipient: &Recipient, now: Timestamp) -> String {
        let expires = now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let claim = Claim {
            alert: alert.id.0,
            organization: alert.organization.to_string(),
            recipient: recipient.clone(),
            expires: expires.as_second(),
        };
        let claim = serde_json::to_vec(&claim).expect("a claim is JSON");
        let signature = self.mac(&claim).finalize().into_bytes();
        let (claim, signature) =
            (BASE64_URL_SAFE_NO_PAD.encode(claim), BASE64_URL_SAFE_NO_PAD.encode(signature));
        format!("{}{PATH}{claim}.{signature}", self.public_url)
    }

    /// What the token of a link says, if it is good.
    pub fn open(&self, token: &str, now: Timestamp) -> Result<Claim, LinkError> {
        let (claim, signature) = token.split_once('.').ok_or(LinkError::Forged)?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| LinkError::Forged);
        let (claim, signature) = (decode(claim)?, decode(signature)?);
        self.mac(&claim).verify_slice(&signature).map_err(|_| LinkError::Forged)?;
        let claim: Claim = serde_json::from_slice(&claim).map_err(|_| LinkError::Forged)?;
        if now.as_second() >= claim.expires {
            return Err(LinkError::Expired);
        }
        Ok(claim)
    }

    fn mac(&self, claim: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(self.key.as_slice()).expect("HMAC takes any key length");
        mac.update(claim);
        mac
    }
}
