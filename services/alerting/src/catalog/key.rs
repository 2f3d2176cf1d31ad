//! Integration keys: what a monitoring system authenticates with.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use callout_auth::{OrganizationId, key_sha256};
use callout_runtime::secret::random_bytes;
use callout_store::{Db, Result};
use jiff::Timestamp;
use moka::sync::Cache;
use uuid::Uuid;

use super::store;
use crate::error::Error;

/// An integration key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationKey {
    /// Its id.
    pub id: Uuid,
    /// The service that its alerts are for.
    pub service_id: Uuid,
    /// Its name, unique in the service.
    pub name: String,
    /// The first characters of the secret.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secret was last changed.
    pub rotated_at: Option<Timestamp>,
    /// Refused since.
    pub revoked_at: Option<Timestamp>,
}

/// What a good key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHit {
    /// The organization.
    pub organization: OrganizationId,
    /// The service that the alerts are for.
    pub service_id: Uuid,
    /// The key's name, for histories.
    pub key_name: String,
}

/// A new secret: `callout_int_` and 192 random bits.
pub fn generate_secret() -> String {
    format!("callout_int_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>()))
}

/// Checks a secret that the caller chose.
pub fn check_secret(secret: &str) -> std::result::Result<(), Error> {
    let good = (24..=255).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if good {
        Ok(())
    } else {
        Err(Error::invalid("secret", "must be 24 to 255 characters of A-Z a-z 0-9 - _"))
    }
}

/// The part of a secret that is shown.
pub fn hint(secret: &str) -> String {
    format!("{}…", secret.chars().take(16).collect::<String>())
}

/// Keys that were looked up lately. A revocation reaches other nodes when an entry is 5 s old.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Cache<String, Option<KeyHit>>>);

impl Default for Keys {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(5));
        Self(Arc::new(cache.build()))
    }
}

impl Keys {
    /// What a secret opens, if it is that of a good key.
    pub async fn find(&self, db: &Db, secret: &str) -> Result<Option<KeyHit>> {
        if secret.len() > 255 {
            return Ok(None);
        }
        let hash = key_sha256(secret);
        if let Some(known) = self.0.get(&hash) {
            return Ok(known);
        }
        let found = store::key_by_hash(db, &hash).await?;
        self.0.insert(hash, found.clone());
        Ok(found)
    }

    /// Forgets everything: a key was changed.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }
}
