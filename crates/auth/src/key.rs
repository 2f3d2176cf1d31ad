//! API keys.

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use callout_runtime::secret::random_bytes;
use sha2::{Digest, Sha256};

use crate::principal::{OrganizationId, Role};

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The organization the key belongs to.
    pub organization: OrganizationId,
    /// The key's name.
    pub key_name: String,
    /// What the key may do.
    pub role: Role,
    /// The user the key acts for, if any.
    pub user_id: Option<String>,
}

/// Why a key could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// Nobody who knows can be asked, and nothing is remembered. The caller may try again.
    #[error("credentials cannot be checked at the moment")]
    Unavailable,
}

/// Knows whose keys are whose.
#[async_trait]
pub trait KeyLookup: Send + Sync + 'static {
    /// The owner of the key with this SHA-256 (lower-case hex), or `None` if no good key has it.
    async fn lookup(&self, key_sha256: &str) -> Result<Option<KeyOwner>, LookupError>;
}

/// Lower-case hex of the SHA-256 of a key: the only form in which keys are kept or compared.
/// Keys have at least 192 random bits, so a slow password hash would add nothing.
pub fn key_sha256(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new API key: `callout_` and 256 random bits.
pub fn generate_api_key() -> String {
    format!("callout_{}", BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_random_and_kept_as_its_hash() {
        let key = generate_api_key();
        assert_eq!(key.len(), "callout_".len() + 43);
        assert_ne!(key, generate_api_key());
        // FIPS 180-4, the example "abc".
        assert_eq!(key_sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
