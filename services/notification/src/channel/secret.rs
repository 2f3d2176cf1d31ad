//! Secrets at rest: ChaCha20-Poly1305 under a key derived from the installation's.
//!
//! The organization's and the channel's id are part of what is authenticated, so a secret that is
//! copied to another row does not open.

use callout_runtime::{MasterKey, secret::random_bytes};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use uuid::Uuid;

const NONCE_BYTES: usize = 12;

/// Encrypts: the nonce, then the sealed text.
pub fn seal(key: &MasterKey, organization: &str, channel: Uuid, plain: &[u8]) -> Vec<u8> {
    let nonce = random_bytes::<NONCE_BYTES>();
    let aad = context(organization, channel);
    let payload = Payload { msg: plain, aad: &aad };
    let sealed = cipher(key).encrypt(&Nonce::from(nonce), payload).expect("the text is short");
    [nonce.as_slice(), &sealed].concat()
}

/// Decrypts; `None` if it was made with another key or for another channel.
pub fn open(key: &MasterKey, organization: &str, channel: Uuid, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let aad = context(organization, channel);
    cipher(key).decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: &aad }).ok()
}

fn cipher(key: &MasterKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&key.derive("channel-secrets").into())
}

fn context(organization: &str, channel: Uuid) -> Vec<u8> {
    [organization.as_bytes(), &[0], channel.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_put() {
        let key = MasterKey::from_bytes([1; 32]);
        let sealed = seal(&key, "acme", Uuid::nil(), b"xoxb-secret");
        assert_eq!(open(&key, "acme", Uuid::nil(), &sealed).as_deref(), Some(b"xoxb-secret".as_slice()));
        assert_eq!(open(&key, "globex", Uuid::nil(), &sealed), None);
        assert_eq!(open(&key, "acme", Uuid::max(), &sealed), None);
        assert_eq!(open(&MasterKey::from_bytes([2; 32]), "acme", Uuid::nil(), &sealed), None);
        assert_eq!(open(&key, "acme", Uuid::nil(), b"short"), None);
        assert_ne!(seal(&key, "acme", Uuid::nil(), b"x"), seal(&key, "acme", Uuid::nil(), b"x"));
    }
}
